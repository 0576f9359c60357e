// Puts the parts of the page that the service sends in their places. The service has escaped them.
"use strict";

const stream = document.body.dataset.stream;
const link = document.getElementById("link");
let source = null;

// Changes only what differs, so that focus, selected text and opened details stay.
function patch(old, wanted) {
  const nodes = [...wanted.childNodes];
  nodes.forEach((node, index) => {
    const there = old.childNodes[index];
    if (!there || (node.id || "") !== (there.id || "")) {
      old.insertBefore(node, there ?? null);
    } else if (there.nodeName !== node.nodeName) {
      there.replaceWith(node);
    } else if (node.nodeType !== Node.ELEMENT_NODE) {
      if (there.data !== node.data) there.data = node.data;
    } else {
      for (const name of there.getAttributeNames()) {
        if (name !== "open" && !node.hasAttribute(name)) there.removeAttribute(name);
      }
      for (const { name, value } of node.attributes) {
        if (there.getAttribute(name) !== value) there.setAttribute(name, value);
      }
      patch(there, node);
    }
  });
  while (old.childNodes.length > nodes.length) old.lastChild.remove();
}

function show(message) {
  for (const [id, html] of Object.entries(JSON.parse(message.data))) {
    const wanted = document.createElement("template");
    wanted.innerHTML = html;
    patch(document.getElementById(id), wanted.content);
  }
}

function open() {
  source = new EventSource(stream);
  source.onopen = () => { link.textContent = ""; };
  source.onmessage = show;
  source.onerror = () => {
    link.textContent = source.readyState === EventSource.CLOSED
      ? "Not connected: reload the page." : "Connection lost, trying again…";
  };
}

// A browser has six connections to a host, and a page that nobody sees needs none.
function follow() {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (!source) {
    open();
  }
}

// The legend of a panel shows the values under the pointer, and the last ones without it.
document.addEventListener("pointermove", ({ target, clientX }) => {
  const panel = target.closest?.(".panel");
  for (const strong of document.querySelectorAll(".panel [data-last]")) {
    if (!panel?.contains(strong)) {
      strong.textContent = strong.dataset.last;
      delete strong.dataset.last;
    }
  }
  const svg = panel?.querySelector("svg");
  if (!svg) return;
  const at = new DOMPoint(clientX, 0).matrixTransform(svg.getScreenCTM().inverse()).x;
  svg.querySelectorAll(".line").forEach((line, index) => {
    const across = line.getAttribute("d").slice(1).split("L").map(parseFloat);
    const near = across.reduce((best, x, corner) => (Math.abs(x - at) < Math.abs(across[best] - at) ? corner : best), 0);
    const strong = panel.querySelectorAll("strong")[index];
    strong.dataset.last ??= strong.textContent;
    strong.textContent = `${line.dataset.values.split(" ")[near]} at step ${line.dataset.steps.split(" ")[near]}`;
  });
});

if (stream) {
  document.addEventListener("visibilitychange", follow);
  follow();
}
