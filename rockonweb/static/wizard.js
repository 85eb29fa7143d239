// Shows and hides a secret at once. Without this file, the same button asks the server for the page with it shown.
"use strict";

document.addEventListener("click", (event) => {
    const button = event.target.closest("button[name=Reveal], button[name=Hide]");
    const field = button && document.getElementById(button.getAttribute("aria-controls"));
    if (!field) {
        return;
    }
    event.preventDefault();
    const show = field.type === "password";
    field.type = show ? "text" : "password";
    button.querySelector(".secret-word").textContent = show ? button.dataset.hide : button.dataset.show;
}, true);
