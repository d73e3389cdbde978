"use strict";
const root = document.getElementById("test"), texts = JSON.parse(root.dataset.texts);
const get = (id) => document.getElementById("test-" + id);
const say = (key, ...values) => values.reduce((text, one, i) => text.replaceAll(`{${i}}`, () => one), texts[key] ?? key);
const within = (seconds, promise) => Promise.race([promise, new Promise((resolve) => setTimeout(resolve, seconds * 1000))]);
const now = () => performance.now();
const once = (target, name) => new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));
const add = (parent, name, text, kind = "") => {
  const one = parent.appendChild(document.createElement(name));
  one.textContent = text ?? "";
  one.className = kind;
  return one;
};
let began, steps;
const mark = (step, kind, ...words) => {
  steps[step].textContent = say("step_" + step) + ": " + say(...words);
  steps[step].className = kind;
};
const size = (bytes) => bytes < 1e5 ? bytes + " B" : (bytes / 1e6).toFixed(1) + " MB";
const fail = (step, ...advice) => { throw { step, message: say(...advice) }; };

const connect = (config, label) => {
  const pc = new RTCPeerConnection(config), found = [], errors = [];
  const complete = new Promise((resolve) => {
    pc.onicecandidate = ({ candidate: one }) => {
      if (!one) return resolve();
      if (!one.candidate) return;
      found.push(one);
      const row = add(get("candidates"), "tr");
      const { type, protocol, address, port, priority } = one;
      [label, type, protocol, address, port, priority, Math.round(now() - began)].forEach((text, i) =>
        add(row, "td", text, i > 3 ? "number" : ""));
    };
  });
  pc.onicecandidateerror = ({ errorCode, errorText, url }) => {
    errors.push({ code: errorCode, url });
    add(get("errors"), "li", `${label}: ${errorCode} ${errorText} (${url})`);
  };
  return { pc, found, errors, complete: within(15, complete) };
};

// Does the NAT give one socket the same port for both?
const mapping = async (host, port) => {
  const { port1, port2 } = root.dataset;
  const urls = [port, ...(port === port1 ? [port2] : [])].map((port) => `stun:${host}:${port}`);
  const { pc, found, errors, complete } = connect({ iceServers: [{ urls }] }, "STUN");
  pc.createDataChannel("test");
  await pc.setLocalDescription();
  await complete;
  pc.close();
  const mapped = found.filter((one) => one.type === "srflx");
  const failed = urls.map((url) => errors.some((error) => error.url.startsWith(url)));
  if (!mapped.length && (failed[0] || found.some((one) => one.address?.endsWith(".local")))) fail("stun", "advice_stun", host, port);
  if (!mapped.length) return mark("stun", "good", "mapping_none");
  const { address } = mapped[0];
  if (!urls[1]) return mark("stun", "good", "mapping_unknown", address);
  if (failed[1] && !failed[0]) return mark("stun", "warn", "mapping_port2", address, port2);
  // Those of one socket share a foundation.
  const differs = mapped.some((a) => mapped.some((b) => a.foundation === b.foundation && a.port !== b.port));
  mark("stun", differs ? "warn" : "good", differs ? "mapping_differs" : "mapping_same", address);
};

const advice = (code, other) => texts["advice_" + code] ? "advice_" + code : other;

// One way to the relay and no other; returns the words for it when it gives no address.
const way = async (server, url) => {
  const [, secure, host, port, transport] = url.match(/^turn(s?):(.*):(\d+)\?transport=(.*)$/);
  const step = secure ? "tls" : transport, start = now();
  const iceServers = [{ ...server, urls: [url] }];
  const { pc, found, errors, complete } = connect({ iceServers, iceTransportPolicy: "relay" }, step.toUpperCase());
  pc.createDataChannel("test");
  await pc.setLocalDescription();
  await complete;
  pc.close();
  if (found.length) return mark(step, "good", "way", host, port, Math.round(now() - start));
  mark(step, "bad", advice(errors[0]?.code % 701 || step, "advice_" + step), host, port);
  return say("step_" + step);
};

const relay = async (iceServers) => {
  const config = { iceServers, iceTransportPolicy: "relay" };
  const a = connect(config, "A"), b = connect(config, "B");
  const channel = a.pc.createDataChannel("test");
  channel.bufferedAmountLowThreshold = 3e5;
  const open = once(channel, "open"), far = once(b.pc, "datachannel");
  try {
    await a.pc.setLocalDescription();
    await a.complete;
    const code = a.errors.find(({ url }) => /^turn/.test(url))?.code ?? 701;
    if (!a.found.length) fail("relay", advice(code, "advice_relay"), code);
    mark("relay", "good", a.found.map((one) => `${one.address}:${one.port}`).join(", "));
    await b.pc.setRemoteDescription(a.pc.localDescription);
    await b.pc.setLocalDescription();
    await b.complete;
    await a.pc.setRemoteDescription(b.pc.localDescription);
    const other = (await within(20, Promise.all([far, open])))?.[0].channel;
    if (!other) fail("connect", "advice_connect");
    mark("connect", "good", "ok");
    await measure(channel, other);
  } finally {
    a.pc.close();
    b.pc.close();
  }
};

const measure = async (channel, other) => {
  other.onmessage = ({ data }) => other.send(data);
  const times = [];
  for (let i = 0; i < 20; i++) {
    const sent = now(), back = once(channel, "message");
    channel.send("echo");
    if (!await within(5, back)) fail("echo", "advice_echo", i);
    times.push(now() - sent);
  }
  times.sort((x, y) => x - y);
  mark("echo", "good", "times", ((times[9] + times[10]) / 2).toFixed(1), times[19].toFixed(1));
  const chunk = new Uint8Array(16384), start = now();
  let bytes = 0;
  other.onmessage = ({ data }) => { bytes += data.byteLength ?? data.size; };
  while (now() < start + 3000) {
    if (channel.bufferedAmount > 1e6) await within(0.5, once(channel, "bufferedamountlow"));
    else channel.send(chunk);
  }
  if (!bytes) fail("rate", "advice_echo", 20);
  mark("rate", "good", "rate", (bytes * 8e-3 / (now() - start)).toFixed(1));
};

const look = async (user) => {
  const answer = await fetch("/api/v1/explain?subject=" + encodeURIComponent(user));
  if (!answer.ok) return;
  const { sessions, refusals, findings } = await answer.json();
  if (!sessions.length && !refusals.length && get("seen").firstChild) return;
  get("seen").replaceChildren();
  const tell = (text, kind) => add(get("seen"), "li", text, kind);
  sessions.forEach((one) => tell(say("session", one.client, one.relays, size(one.toPeers.bytes), size(one.toClient.bytes)), "good"));
  refusals.forEach((one) => tell(`${one.method} ${one.code} (${one.count}): ${one.cause} - ${one.cure}`, "bad"));
  findings.forEach((one) => tell(`${one.topic}: ${one.text} ${one.cure ?? ""}`));
};

const run = async (host) => {
  const answer = await fetch("/api/v1/credentials", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user: "console-test-" + Date.now().toString(36), seconds: 600, host: host || null }),
  });
  const { iceServers, detail } = await answer.json();
  if (detail) fail("credential", detail);
  const server = iceServers.find((one) => one.username), { username } = server;
  mark("credential", "good", username);
  const watch = () => look(username).catch(() => {});
  const timer = setInterval(watch, 1000);
  try {
    await mapping(...iceServers[0].urls[0].match(/^stun:(.*):(\d+)$/).slice(1));
    const missing = await Promise.all(server.urls.map((url) => way(server, url)));
    await relay(iceServers);
    return missing.filter((step) => step);
  } finally {
    clearInterval(timer);
    await watch();
  }
};

root.hidden = false;
get("form").onsubmit = async (event) => {
  event.preventDefault();
  const { elements: [host, button] } = event.target, result = get("result");
  const tell = (kind, ...words) => { result.className = kind; result.textContent = say(...words); };
  button.disabled = true;
  began = now();
  ["steps", "candidates", "errors", "seen"].forEach((id) => get(id).replaceChildren());
  steps = {};
  for (const step of root.dataset.steps.split(" ")) steps[step] = add(get("steps"), "li", say("step_" + step), "quiet");
  tell("", "running");
  try {
    const missing = await run(host.value.trim());
    if (missing.length) tell("problem", "passed_but", missing.join(", "));
    else tell("done", "passed");
  } catch ({ step, message }) {
    if (step) mark(step, "bad", message);
    tell("problem", step ? "failed" : "broken", step ? say("step_" + step) : message, message);
  }
  button.disabled = false;
};
