// The side door as the hub sees it: a device that takes the offers of its sessions and answers them.
import { Loudness } from "./level.js";

// Ample for the picture's size.
const MOST_BPS = 1_500_000;

const isH264 = ({ mimeType }) => mimeType.toLowerCase() === "video/h264";

// One call that the hub makes.
class Session {
  constructor(stream, say) {
    this.stream = stream;
    this.say = say;
    this.heard = new Loudness();
    this.peer = new RTCPeerConnection();
    this.speaker = new Audio();
    this.work = Promise.resolve();
    this.peer.onicecandidate = ({ candidate }) => candidate?.candidate && say({ candidate: candidate.candidate });
    this.peer.ontrack = ({ track }) => this.play(track);
  }

  play(track) {
    if (track.kind !== "audio") return;
    this.speaker.srcObject = new MediaStream([track]);
    // A browser that does not play yet shows by the level that somebody speaks.
    this.speaker.play().catch(() => {});
  }

  // One after the other: a candidate is nothing before its offer.
  take(message) {
    this.work = this.work.then(() => this.heed(message));
  }

  async heed(message) {
    try {
      if (message.offer) await this.answer(message.offer);
      else if (message.candidate) await this.peer.addIceCandidate({ candidate: message.candidate, sdpMLineIndex: 0 });
    } catch (error) {
      this.say({ error: { code: "webrtc_offer_failed", message: String(error.message).slice(0, 200) } });
    }
  }

  async answer(sdp) {
    await this.peer.setRemoteDescription({ type: "offer", sdp });
    for (const transceiver of this.peer.getTransceivers()) await this.send(transceiver);
    await this.peer.setLocalDescription();
    this.say({ answer: this.peer.localDescription.sdp });
  }

  async send(transceiver) {
    const { sender, receiver } = transceiver;
    const track = this.stream.getTracks().find(({ kind }) => kind === receiver.track.kind);
    transceiver.direction = track.kind === "audio" ? "sendrecv" : "sendonly";
    await sender.replaceTrack(track);
    if (track.kind === "audio") return;
    // What every Echo shows is not made anew on the way.
    transceiver.setCodecPreferences(RTCRtpReceiver.getCapabilities("video").codecs.filter(isH264));
    const parameters = sender.getParameters();
    // A camera keeps its size, whatever the line carries.
    parameters.degradationPreference = "maintain-resolution";
    for (const encoding of parameters.encodings) encoding.maxBitrate = MOST_BPS;
    await sender.setParameters(parameters);
  }

  get connected() {
    return this.peer.connectionState === "connected";
  }

  async figures() {
    const figures = {};
    const stats = await this.peer.getStats();
    for (const row of stats.values()) {
      if (row.type === "inbound-rtp" && row.kind === "audio") {
        figures.said = this.heard.since(row);
      } else if (row.type === "outbound-rtp" && row.kind === "video" && row.frameWidth) {
        const codec = stats.get(row.codecId)?.mimeType.slice("video/".length);
        figures.picture = { codec, width: row.frameWidth, height: row.frameHeight, fps: row.framesPerSecond ?? 0, frames: row.framesEncoded };
      }
    }
    return figures;
  }

  close() {
    this.peer.close();
    this.speaker.srcObject = null;
  }
}

export class Door {
  // `tell(stage)`: opening, standing, replaced, gone.
  constructor(stream, tell) {
    this.sessions = new Map();
    this.stream = stream;
    this.tell = tell;
    tell("opening");
    this.socket = new WebSocket(`ws://${location.host}/socket`);
    this.socket.onopen = () => tell("standing");
    this.socket.onmessage = ({ data }) => this.take(JSON.parse(data));
    this.socket.onclose = () => this.end("gone");
  }

  take({ session: id, end, replaced, ...message }) {
    if (replaced) return this.end("replaced");
    if (end) return this.close(id);
    if (!this.sessions.has(id)) {
      const say = (said) => this.say({ session: id, ...said });
      this.sessions.set(id, new Session(this.stream, say));
    }
    this.sessions.get(id).take(message);
  }

  say(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  ring() {
    this.say({ ring: true });
  }

  close(id) {
    this.sessions.get(id)?.close();
    this.sessions.delete(id);
  }

  // The last word counts: a door that was left for another page is not gone.
  end(stage) {
    if (this.over) return;
    this.over = true;
    for (const id of [...this.sessions.keys()]) this.close(id);
    this.socket.close();
    this.tell(stage);
  }

  async figures() {
    const connected = [...this.sessions.values()].filter((session) => session.connected);
    const newest = connected.at(-1);
    return { watched: connected.length > 0, ...(newest && (await newest.figures())) };
  }
}
