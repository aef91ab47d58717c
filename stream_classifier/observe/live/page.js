
"use strict";
(() => {
  // The words come from the server. This only puts them into their places, as text, and says when none come.
  const SILENT_MS = 5000; // the server sends something every second
  const AGAIN_MS = 3000; // after a refusal the browser does not try again by itself
  const connection = document.getElementById("connection");
  let source = null;
  let silence = 0;
  let again = 0;

  const say = (node, text) => {
    if (node.textContent !== text) node.textContent = text; // what is the same is not announced again
  };

  const put = {
    text: (name, text) => {
      for (const node of document.querySelectorAll(`[data-text="${name}"]`)) say(node, text);
    },
    tone: (name, tone) => {
      for (const node of document.querySelectorAll(`[data-tone="${name}"]`)) node.dataset.is = tone;
    },
    line: (name, points) => {
      for (const node of document.querySelectorAll(`[data-line="${name}"]`)) node.setAttribute("points", points);
    },
    rows: (name, rows) => {
      for (const body of document.querySelectorAll(`[data-rows="${name}"]`)) fill(body, rows);
    },
  };

  const fill = (body, rows) => {
    while (body.rows.length > rows.length) body.deleteRow(-1);
    rows.forEach(([tone, cells], number) => {
      const row = body.rows[number] ?? newRow(body, cells.length);
      row.dataset.is = tone;
      cells.forEach((text, column) => say(row.cells[column], text));
    });
  };

  const newRow = (body, columns) => {
    const row = body.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    row.append(head);
    while (row.cells.length < columns) row.insertCell();
    return row;
  };

  const connected = (yes) => {
    say(connection, yes ? "Live" : "Connection lost: the figures are of");
    connection.parentElement.classList.toggle("lost", !yes);
    document.body.classList.toggle("lost", !yes);
    if (!yes) document.title = "Connection lost · stream-classifier"; // the next view brings the state's own
  };

  const show = (event) => {
    clearTimeout(silence);
    silence = setTimeout(lose, SILENT_MS);
    for (const [place, value] of Object.entries(JSON.parse(event.data))) {
      const [kind, name] = place.split(":");
      put[kind](name, value);
    }
    connected(true);
  };

  const lose = () => {
    close();
    connected(false);
    again = setTimeout(open, AGAIN_MS);
  };

  const close = () => {
    clearTimeout(silence);
    clearTimeout(again);
    if (source) source.close();
    source = null;
  };

  const open = () => {
    close();
    source = new EventSource("events");
    source.addEventListener("view", show);
    source.addEventListener("error", lose);
    silence = setTimeout(lose, SILENT_MS);
  };

  // A page that nobody sees asks for nothing.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => event.persisted && open());
  if (!document.hidden) open();
})();
