"use strict";
// Menus close like menus: by Escape, by a click elsewhere, and when another one opens.
const menus = [...document.querySelectorAll("details.menu")];
const closeAll = (except) => menus.forEach((menu) => { if (menu !== except) menu.open = false; });
menus.forEach((menu) => menu.addEventListener("toggle", () => menu.open && closeAll(menu)));
document.addEventListener("click", (event) => closeAll(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  const menu = document.activeElement.closest("details.menu");
  if (event.key === "Escape" && menu) { menu.open = false; menu.querySelector("summary").focus(); }
  if (!menu || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  event.preventDefault();
  menu.open = true;
  const stops = [menu.querySelector("summary"), ...menu.querySelectorAll("a")];
  const step = event.key === "ArrowDown" ? 1 : -1;
  stops[(stops.indexOf(document.activeElement) + step + stops.length) % stops.length].focus();
});

// The live part of a page is replaced when the server has a new one; not under somebody's hands.
const part = document.getElementById("live");
const address = document.body.dataset.live;
const state = document.getElementById("live-state");
if (part && address && window.EventSource) {
  const say = (on) => {
    state.textContent = on ? state.dataset.on : state.dataset.off;
    state.className = on ? "on" : "off";
  };
  const isBusy = () => part.querySelector("details[open] form, :focus-within") || !getSelection().isCollapsed;
  const events = new EventSource(address);
  events.onopen = () => say(true);
  events.onerror = () => say(false);
  events.onmessage = (event) => {
    if (isBusy()) return;
    const open = new Set([...part.querySelectorAll("details[open][id]")].map((details) => details.id));
    part.innerHTML = event.data;
    open.forEach((id) => { const details = document.getElementById(id); if (details) details.open = true; });
    part.dispatchEvent(new Event("live"));
  };
  addEventListener("pagehide", () => events.close());
}

// What cannot be undone is asked for once more.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.ask ?? event.target.dataset.ask;
  if (question && !confirm(question)) event.preventDefault();
});

// Buttons that copy what stands beside them.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = button.dataset.copied;
});
