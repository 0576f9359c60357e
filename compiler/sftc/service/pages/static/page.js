// Puts the parts of the page that the service sends in their places. The service has escaped them.
"use strict";

const stream = document.body.dataset.stream;
const link = document.getElementById("link");
let source = null;

function show(message) {
  for (const [id, html] of Object.entries(JSON.parse(message.data))) {
    document.getElementById(id).innerHTML = html;
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

// A browser has six connections to a host: a page that nobody sees needs none.
function follow() {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (!source) {
    open();
  }
}

if (stream) {
  document.addEventListener("visibilitychange", follow);
  follow();
}
