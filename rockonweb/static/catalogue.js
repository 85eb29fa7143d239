// The catalogue by keyboard: "/" goes to the search, the arrows from card to card, Enter opens one (it is a link).
// Without this file, Tab does all of it.
"use strict";

const search = document.getElementById("q");
document.querySelector(".search-key")?.removeAttribute("hidden");

function cards() {
    return [...document.querySelectorAll("#shelf .app-name a")];
}

// How many cards stand beside each other.
function columns(links) {
    const top = (link) => link.closest("li").offsetTop;
    const first = links.findIndex((link) => top(link) !== top(links[0]));
    return first < 0 ? links.length : first;
}

document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) {
        return;
    }
    const typing = event.target.closest("input, select, textarea, [contenteditable]");
    if (event.key === "/" && !typing) {
        event.preventDefault();
        search.focus();
        search.select();
        return;
    }
    const links = cards();
    if (event.target === search && event.key === "ArrowDown" && links.length) {
        event.preventDefault();
        links[0].focus();
        return;
    }
    const place = links.indexOf(event.target);
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(links), ArrowDown: columns(links) };
    if (place < 0 || !(event.key in steps)) {
        return;
    }
    event.preventDefault();
    const next = place + steps[event.key];
    if (links[next]) {
        links[next].focus();
    } else if (event.key === "ArrowUp") {
        search.focus();
    }
});
