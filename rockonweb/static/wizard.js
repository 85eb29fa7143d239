// Shows and hides a secret at once, and makes an input a text area when it gets several lines. Without this file, buttons
// ask the server for the same.
"use strict";

document.addEventListener("click", (event) => {
    const button = event.target.closest("button[name=Reveal], button[name=Hide]");
    const field = button && document.getElementById(button.getAttribute("aria-controls"));
    if (!field) {
        return;
    }
    event.preventDefault();
    const show = field.matches("[type=password], .text-dots");
    if (field.type === "textarea") {
        field.classList.toggle("text-dots", !show);
    } else {
        field.type = show ? "text" : "password";
    }
    button.querySelector(".secret-word").textContent = show ? button.dataset.hide : button.dataset.show;
}, true);

// An input drops the line ends of what is pasted, such as a key.
document.addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text");
    if (event.target.matches("input[data-lines]") && /[\r\n]/.test(text.trim())) {
        event.preventDefault();
        insertLines(event.target, text);
    }
});

document.addEventListener("keydown", (event) => {
    if (event.target.matches("input[data-lines]") && event.key === "Enter" && event.shiftKey) {
        event.preventDefault();
        insertLines(event.target, "\n");
    }
});

function insertLines(input, text) {
    const area = document.createElement("textarea");
    for (const { name, value } of input.attributes) {
        if (!["type", "value", "data-lines"].includes(name)) {
            area.setAttribute(name, value);
        }
    }
    area.classList.add("text-lines");
    area.classList.toggle("text-dots", input.type === "password");
    area.value = input.value;
    area.setRangeText(text, input.selectionStart, input.selectionEnd, "end");
    area.rows = Math.min(area.value.split("\n").length + 1, 12);
    input.replaceWith(area);
    area.focus();
}
