// The far end of a call, as an Echo would be: makes the offer, shows the picture, sends the microphone.
import { directive } from "../api.js";
import { Loudness } from "../level.js";

const GATHERING_MS = 2000;
// From the answer on; a path that is there is found in one or two seconds.
const PATH_MS = 8000;

function sessionId() {
  // crypto.randomUUID exists in secure contexts only.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// The offer has to be complete: Alexa sends no candidates afterwards.
function gathered(peer) {
  return new Promise((resolve) => {
    const done = () => peer.iceGatheringState === "complete" && resolve();
    peer.addEventListener("icegatheringstatechange", done);
    setTimeout(resolve, GATHERING_MS);
    done();
  });
}

async function microphone(camera) {
  if (!camera.talk.path) return { why: "no_talk" };
  if (!window.isSecureContext || !navigator.mediaDevices) return { why: "insecure" };
  try {
    const wanted = { audio: { echoCancellation: true, noiseSuppression: true } };
    return { stream: await navigator.mediaDevices.getUserMedia(wanted) };
  } catch {
    return { why: "no_microphone" };
  }
}

export class Call {
  // `tell(change)` is given what changed of: stage, view_only, microphone, stream, answer_ms, error, lost,
  // no_path (`none`: the browser knows no address of its own; `late`, `failed`: no address was reached), ended.
  constructor(camera, tell) {
    this.camera = camera;
    this.tell = tell;
    this.session = sessionId();
    this.over = false;
    this.offered = false;
    this.pictured = false;
    this.heard = { sound: new Loudness(), microphone: new Loudness() };
  }

  async start() {
    this.began = performance.now();
    try {
      this.tell({ stage: "asking_microphone" });
      const { stream, why } = await microphone(this.camera);
      this.microphone = stream;
      this.tell({ stage: "making_offer", view_only: why ?? null, microphone: stream ?? null });
      if (this.over) return this.release();
      const peer = (this.peer = new RTCPeerConnection());
      const track = stream?.getAudioTracks()[0];
      peer.addTransceiver(track ?? "audio", { direction: track ? "sendrecv" : "recvonly", streams: stream ? [stream] : [] });
      peer.addTransceiver("video", { direction: "recvonly" });
      const shown = new MediaStream();
      peer.ontrack = ({ track }) => {
        shown.addTrack(track);
        this.tell({ stream: shown });
      };
      peer.onconnectionstatechange = () => this.connection(peer.connectionState);
      await peer.setLocalDescription(await peer.createOffer());
      await gathered(peer);
      if (this.over) return;
      if (!peer.localDescription.sdp.includes("a=candidate:")) return this.noPath("none");
      this.tell({ stage: "waiting_answer" });
      const asked = performance.now();
      this.offered = true;
      const offer = { format: "SDP", value: peer.localDescription.sdp };
      const { answer } = await directive("InitiateSessionWithOffer", this.camera.endpoint_id, { sessionId: this.session, offer });
      if (this.over) return;
      this.tell({ stage: "connecting", answer_ms: Math.round(performance.now() - asked) });
      this.patience = setTimeout(() => this.noPath("late"), PATH_MS);
      await peer.setRemoteDescription({ type: "answer", sdp: answer.value });
    } catch (error) {
      if (this.over) return;
      // An error event means that there is no call; after anything else there may be one.
      if (this.offered && !error.type) this.disconnect();
      this.finish({ error });
    }
  }

  connection(state) {
    if (this.over) return;
    if (state === "connected") {
      clearTimeout(this.patience);
      // After an interruption the picture just goes on.
      this.tell({ stage: this.pictured ? "live" : "waiting_picture" });
      if (this.connected) return;
      this.connected = true;
      // Its reply changes nothing: media flows already.
      directive("SessionConnected", this.camera.endpoint_id, { sessionId: this.session }).catch(() => {});
    } else if (state === "disconnected") {
      this.tell({ stage: "interrupted" });
    } else if (state === "failed" || state === "closed") {
      this.connected ? this.finish({ lost: true }) : this.noPath("failed");
    }
  }

  // The call cannot come about: the house need not wait for it.
  noPath(why) {
    if (this.over) return;
    if (this.offered) this.disconnect();
    this.finish({ no_path: why });
  }

  // The first picture is there.
  picture() {
    if (this.over || this.pictured) return;
    this.pictured = true;
    this.tell({ stage: "live", picture_ms: Math.round(performance.now() - this.began) });
  }

  mute(muted) {
    this.microphone?.getAudioTracks().forEach((track) => (track.enabled = !muted));
  }

  hangUp() {
    if (this.over) return;
    this.disconnect();
    this.finish({});
  }

  // The house ended the call: not every browser tells that the far end closed.
  ended() {
    if (!this.over) this.finish({ lost: true });
  }

  disconnect() {
    directive("SessionDisconnected", this.camera.endpoint_id, { sessionId: this.session }, true).catch(() => {});
  }

  finish(how) {
    this.over = true;
    this.release();
    this.tell({ stage: null, ended: true, stream: null, ...how });
  }

  release() {
    clearTimeout(this.patience);
    this.peer?.close();
    this.microphone?.getTracks().forEach((track) => track.stop());
  }

  async figures() {
    const figures = {};
    if (!this.peer || this.over) return figures;
    const rows = await this.peer.getStats();
    for (const row of rows.values()) {
      if (row.type === "inbound-rtp" && row.kind === "video") {
        figures.picture = { width: row.frameWidth, height: row.frameHeight, frames: row.framesDecoded, fps: row.framesPerSecond };
      } else if (row.type === "inbound-rtp" && row.kind === "audio") {
        figures.sound = this.heard.sound.since(row);
      } else if (row.type === "candidate-pair" && row.nominated) {
        figures.path = rows.get(row.localCandidateId)?.candidateType;
      } else if (row.type === "media-source" && row.kind === "audio") {
        figures.microphone = this.heard.microphone.since(row);
      }
    }
    return figures;
  }
}
