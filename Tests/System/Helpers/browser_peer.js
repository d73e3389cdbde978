// What runs in each browser's page: one end of a data channel, which may use nothing but relay addresses.
// browsers.py calls these functions from outside and carries the descriptions between the two pages.
const chunkSize = 16384;
const errors = [];
let connection, channel, sendsFrom, received, whole;

// `seed` is 0 for the end that offers and 1 for the other.
function start(iceServers, seed, size) {
  sendsFrom = seed;
  connection = new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay" });
  connection.onicecandidateerror = ({ errorCode, errorText, url }) => errors.push({ errorCode, errorText, url });
  if (seed === 0) use(connection.createDataChannel("data"), size);
  else connection.ondatachannel = (event) => use(event.channel, size);
}

// Bytes that differ from chunk to chunk and from end to end, so that nothing can be lost or swapped unseen.
function chunk(number, seed) {
  const words = new Uint32Array(chunkSize / 4);
  let state = (number * 2654435761 + seed + 1) >>> 0;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state;
  }
  return words;
}

function use(newChannel, size) {
  channel = newChannel;
  channel.binaryType = "arraybuffer";
  channel.bufferedAmountLowThreshold = 64 * chunkSize;
  received = { bytes: 0, wrong: 0, chunks: 0, started: performance.now() };
  let finish;
  whole = new Promise((resolve) => (finish = resolve));
  channel.onmessage = ({ data }) => {
    const expected = chunk(received.chunks++, 1 - sendsFrom);
    const got = new Uint32Array(data);
    if (got.length !== expected.length || got.some((word, i) => word !== expected[i])) received.wrong++;
    received.bytes += data.byteLength;
    if (received.bytes >= size) {
      received.seconds = (performance.now() - received.started) / 1000;
      finish(received);
    }
  };
}

// The offer, or the answer to one, with all candidates in it.
async function describe(offer) {
  if (offer) await connection.setRemoteDescription(offer);
  await connection.setLocalDescription();
  if (connection.iceGatheringState !== "complete") {
    await new Promise((resolve) => {
      connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && resolve();
    });
  }
  return connection.localDescription.toJSON();
}

async function accept(answer) {
  await connection.setRemoteDescription(answer);
}

async function exchange(size) {
  while (channel?.readyState !== "open") await new Promise((resolve) => setTimeout(resolve, 10));
  received.started = performance.now();
  for (let number = 0; number * chunkSize < size; number++) {
    if (channel.bufferedAmount > 256 * chunkSize) {
      await new Promise((resolve) => (channel.onbufferedamountlow = resolve));
    }
    channel.send(chunk(number, sendsFrom));
  }
  return whole;
}

// How this end reaches its relay, as the browser itself has it: udp, tcp or tls.
async function leg() {
  const stats = await connection.getStats();
  const transport = [...stats.values()].find((one) => one.type === "transport");
  return stats.get(stats.get(transport.selectedCandidatePairId).localCandidateId).relayProtocol;
}

// The types of the pair of candidates in use, so that the test sees that nothing went around the relay.
async function pair() {
  const stats = await connection.getStats();
  const transport = [...stats.values()].find((one) => one.type === "transport");
  const used = stats.get(transport.selectedCandidatePairId);
  return [used.localCandidateId, used.remoteCandidateId].map((id) => stats.get(id).candidateType);
}
