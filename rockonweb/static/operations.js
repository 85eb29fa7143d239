// Notices of what has ended: dismissed, and told in the page's title; and the log of an operation, copied.
"use strict";

const title = { own: "", told: "" };

const untell = () => {
    if (title.told && document.title.startsWith(title.told)) {
        document.title = title.own;
    }
    title.told = "";
};

const tell = (words) => {
    untell();
    title.own = document.title;
    title.told = `${words} · `;
    document.title = title.told + title.own;
};

const copy = async (button) => {
    const answer = await fetch(button.dataset.copy);
    const text = await answer.text();
    const words = button.textContent;
    if (navigator.clipboard) {
        await navigator.clipboard.writeText(text);
    } else {
        // A page that came over plain http may not use the clipboard otherwise.
        const field = document.createElement("textarea");
        field.value = text;
        field.className = "visually-hidden";
        document.body.append(field);
        field.select();
        document.execCommand("copy");
        field.remove();
        button.focus();
    }
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = words; }, 2000);
};

document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-dismiss], [data-copy]");
    if (!button) {
        return;
    }
    if (button.dataset.copy) {
        copy(button);
        return;
    }
    const following = document.querySelector(`#${button.dataset.dismiss} ~ .toast-line .toast-close`);
    document.getElementById(button.dataset.dismiss).remove();
    (following || document.getElementById("main")).focus();
    if (!document.querySelector(".toast-line")) {
        untell();
    }
});

const ready = () => {
    for (const button of document.querySelectorAll("[data-copy]")) {
        button.hidden = false;
    }
};

document.addEventListener("DOMContentLoaded", ready);
document.addEventListener("htmx:afterSettle", ready);

document.addEventListener("htmx:oobAfterSwap", (event) => {
    const told = event.detail.target.id === "toasts" && event.detail.target.lastElementChild;
    if (told) {
        tell(told.dataset.title);
    }
});

document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
        setTimeout(untell, 4000);
    }
});
