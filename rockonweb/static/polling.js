// What a page shows of apps is asked for each second while somebody looks at it, and at once when they come back.
"use strict";

document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && "lookedAt" in event.target.dataset) {
        event.preventDefault();
    }
});

document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
        for (const part of document.querySelectorAll("[data-looked-at]")) {
            htmx.trigger(part, "look");
        }
    }
});
