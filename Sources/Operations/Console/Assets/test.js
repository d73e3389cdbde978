"use strict";
const root = document.getElementById("test");
const texts = JSON.parse(root.dataset.texts);
const get = (id) => document.getElementById("test-" + id);
const say = (key, ...values) => values.reduce((text, value, i) => text.replaceAll(`{${i}}`, () => value), texts[key] ?? key);
const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
// Texts of servers and browsers are only ever set as text.
const add = (parent, name, text, kind = "") => {
  const element = document.createElement(name);
  element.textContent = text ?? "";
  element.className = kind;
  return parent.appendChild(element);
};

let began, steps;
const mark = (step, state, text) => {
  steps[step].textContent = say("step_" + step) + ": " + text;
  steps[step].className = state;
};
class Failure extends Error {
  constructor(step, advice) { super(advice); this.step = step; }
}

// A connection whose candidates and errors are shown as they come.
const connect = (config, label) => {
  const pc = new RTCPeerConnection(config);
  const found = [], errors = [];
  const complete = new Promise((resolve) => {
    pc.addEventListener("icecandidate", ({ candidate }) => {
      if (!candidate) return resolve();
      if (!candidate.candidate) return;
      found.push(candidate);
      const row = add(get("candidates"), "tr");
      const { type, protocol, address, port, priority } = candidate;
      [label, type, protocol, address].forEach((text) => add(row, "td", text));
      [port, priority, Math.round(performance.now() - began)].forEach((text) => add(row, "td", text, "number"));
    });
  });
  pc.addEventListener("icecandidateerror", ({ errorCode, errorText, url, address, port }) => {
    errors.push({ code: errorCode, url });
    add(get("errors"), "li", `${label}: ${errorCode} ${errorText} (${url}${address ? `, ${address}:${port}` : ""})`);
  });
  return { pc, found, errors, complete: Promise.race([complete, wait(15)]) };
};

// Both ports are asked from one socket: with the same public port each time, the NAT maps independently of the endpoint.
const mapping = async (host, port) => {
  const { port1, port2 } = root.dataset;
  const urls = [`stun:${host}:${port}`];
  if (port === port1) urls.push(`stun:${host}:${port2}`);
  const one = connect({ iceServers: urls.map((url) => ({ urls: url })) }, "STUN");
  one.pc.createDataChannel("test");
  await one.pc.setLocalDescription();
  await one.complete;
  one.pc.close();
  const mapped = one.found.filter((candidate) => candidate.type === "srflx");
  const failed = urls.map((url) => one.errors.some((error) => error.url.startsWith(url)));
  if (!mapped.length && failed[0]) throw new Failure("stun", say("advice_stun", host, port));
  if (urls.length < 2) return mark("stun", "good", say("mapping_unknown"));
  if (failed[1] && !failed[0]) return mark("stun", "warn", say("mapping_port2", port2));
  if (!mapped.length) return mark("stun", "good", say("mapping_none"));
  // Those of one socket share a foundation (RFC 8445 section 5.1.1.3).
  const ports = {};
  for (const { foundation, port } of mapped) (ports[foundation] ??= new Set()).add(port);
  const isSame = Object.values(ports).every((set) => set.size === 1);
  mark("stun", isSame ? "good" : "warn", say(isSame ? "mapping_same" : "mapping_differs", mapped[0].address));
};

const relay = async (iceServers) => {
  const config = { iceServers, iceTransportPolicy: "relay" };
  const [a, b] = [connect(config, "A"), connect(config, "B")];
  const channel = a.pc.createDataChannel("test");
  channel.binaryType = "arraybuffer";
  const far = new Promise((resolve) => b.pc.addEventListener("datachannel", (event) => resolve(event.channel)));
  try {
    await a.pc.setLocalDescription();
    await a.complete;
    if (!a.found.length) {
      const code = a.errors.find((error) => error.url.startsWith("turn"))?.code;
      throw new Failure("relay", texts["advice_" + code] ?? say("advice_relay", code ?? "-"));
    }
    mark("relay", "good", a.found.map((one) => `${one.address}:${one.port}`).join(", "));
    await b.pc.setRemoteDescription(a.pc.localDescription);
    await b.pc.setLocalDescription();
    await b.complete;
    await a.pc.setRemoteDescription(b.pc.localDescription);
    const open = new Promise((resolve) => { channel.onopen = () => resolve(true); });
    if (!await Promise.race([open, wait(15)])) throw new Failure("connect", say("advice_connect"));
    const other = await Promise.race([far, wait(5)]);
    if (!other) throw new Failure("connect", say("advice_connect"));
    mark("connect", "good", say("ok"));
    await echo(channel, other);
    await flood(channel, other);
  } finally {
    a.pc.close();
    b.pc.close();
  }
};

const echo = async (channel, other) => {
  other.onmessage = ({ data }) => other.send(data);
  const times = [];
  for (let i = 0; i < 20; i++) {
    const sent = performance.now();
    const back = new Promise((resolve) => { channel.onmessage = () => resolve(true); });
    channel.send("echo " + i);
    if (!await Promise.race([back, wait(5)])) throw new Failure("echo", say("advice_echo", i));
    times.push(performance.now() - sent);
  }
  times.sort((x, y) => x - y);
  mark("echo", "good", say("times", times[10].toFixed(1), times[19].toFixed(1)));
};

const flood = async (channel, other) => {
  const chunk = new Uint8Array(16384);
  let bytes = 0;
  other.onmessage = ({ data }) => { bytes += data.byteLength ?? data.size; };
  channel.bufferedAmountLowThreshold = 16 * chunk.length;
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  while (seconds() < 3 && channel.readyState === "open") {
    if (channel.bufferedAmount > 64 * chunk.length) {
      await Promise.race([new Promise((resolve) => { channel.onbufferedamountlow = resolve; }), wait(0.5)]);
    } else {
      channel.send(chunk);
    }
  }
  const rate = (bytes * 8e-6 / seconds()).toFixed(1);
  if (!bytes) throw new Failure("rate", say("advice_echo", 0));
  mark("rate", "good", say("rate", rate));
};

// What the server knows of the same attempt.
const look = async (user) => {
  const answer = await fetch("/api/v1/explain?subject=" + encodeURIComponent(user));
  if (!answer.ok) return;
  const { sessions, refusals, findings } = await answer.json();
  const list = document.createElement("ul");
  for (const one of sessions) {
    const bytes = one.toPeers.bytes + one.toClient.bytes;
    add(list, "li", say("session", one.client, one.relays.join(", "), bytes), "good");
  }
  for (const one of refusals) add(list, "li", `${one.method} ${one.code} (${one.count}): ${one.cause} ${one.cure}`, "bad");
  for (const one of findings) add(list, "li", `${one.topic}: ${one.text} ${one.cure ?? ""}`);
  if (sessions.length || refusals.length || !get("seen").childElementCount) get("seen").replaceChildren(...list.children);
};

const run = async (host) => {
  const user = "console-test-" + Math.random().toString(36).slice(2, 8);
  const answer = await fetch("/api/v1/credentials", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user, seconds: 600, host: host || null }),
  });
  const made = await answer.json();
  if (!answer.ok) throw new Failure("credential", made.detail);
  const { username } = made.iceServers.find((server) => server.username);
  mark("credential", "good", username);
  get("user").textContent = say("user", username);
  const timer = setInterval(() => look(username).catch(() => {}), 1000);
  try {
    const [, place, port] = made.iceServers[0].urls[0].match(/^stun:(.*?)(?::(\d+))?$/);
    await mapping(place, port ?? "3478");
    await relay(made.iceServers);
  } finally {
    clearInterval(timer);
    await look(username).catch(() => {});
  }
};

root.hidden = false;
get("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button"), result = get("result");
  button.disabled = true;
  began = performance.now();
  ["steps", "candidates", "errors", "seen"].forEach((id) => get(id).replaceChildren());
  steps = {};
  for (const step of ["credential", "stun", "relay", "connect", "echo", "rate"]) {
    steps[step] = add(get("steps"), "li", say("step_" + step), "quiet");
  }
  result.className = "";
  result.textContent = say("running");
  try {
    await run(event.target.host.value.trim());
    result.className = "done";
    result.textContent = say("passed");
  } catch (error) {
    result.className = "problem";
    result.textContent = error.step ? say("failed", say("step_" + error.step), error.message) : say("broken", error.message);
    if (error.step) mark(error.step, "bad", error.message);
  }
  button.disabled = false;
});
