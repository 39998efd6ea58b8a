// What the door sees and hears: the visitor's camera and microphone, or what stands in for them.
const PICTURE = { width: 640, height: 360, frameRate: 20 };
// Between two pictures of the clock.
const TICK_MS = 100;

async function ask(wanted) {
  try {
    return (await navigator.mediaDevices.getUserMedia(wanted)).getTracks();
  } catch {
    return [];
  }
}

// Both at one question; one by one if it cannot be both.
async function devices(audio, video) {
  if (!navigator.mediaDevices) return [];
  const both = await ask({ audio, video });
  return both.length ? both : [...(await ask({ audio })), ...(await ask({ video }))];
}

function clock() {
  const canvas = Object.assign(document.createElement("canvas"), { width: PICTURE.width, height: PICTURE.height });
  const paint = canvas.getContext("2d");
  const draw = () => {
    const now = new Date();
    paint.fillStyle = `hsl(${(now.getSeconds() * 6 + now.getMilliseconds() * 0.006).toFixed(1)} 40% 22%)`;
    paint.fillRect(0, 0, canvas.width, canvas.height);
    paint.fillStyle = "#fff";
    paint.font = "96px system-ui, sans-serif";
    paint.textAlign = "center";
    paint.fillText(now.toLocaleTimeString(), canvas.width / 2, canvas.height / 2 + 32);
  };
  draw();
  const timer = setInterval(draw, TICK_MS);
  const [track] = canvas.captureStream().getVideoTracks();
  return { track, stop: () => clearInterval(timer) };
}

function silence(context) {
  const nothing = new ConstantSourceNode(context, { offset: 0 });
  const end = new MediaStreamAudioDestinationNode(context);
  nothing.connect(end);
  nothing.start();
  return end.stream.getAudioTracks()[0];
}

export class Senses {
  // `cancels`: the browser takes echo and noise out of the microphone.
  static async open(cancels) {
    const senses = new Senses();
    senses.context = new AudioContext();
    const audio = { echoCancellation: cancels, noiseSuppression: cancels, autoGainControl: cancels };
    const tracks = await devices(audio, PICTURE);
    const camera = tracks.find((track) => track.kind === "video");
    const microphone = tracks.find((track) => track.kind === "audio");
    if (!camera) senses.clock = clock();
    Object.assign(senses, { has_camera: !!camera, has_microphone: !!microphone });
    senses.stream = new MediaStream([camera ?? senses.clock.track, microphone ?? silence(senses.context)]);
    senses.listen();
    return senses;
  }

  // The longest look back that there is: nothing short is missed between two looks.
  listen() {
    this.ear = new AnalyserNode(this.context, { fftSize: 32768 });
    this.context.createMediaStreamSource(this.stream).connect(this.ear);
    this.samples = new Float32Array(this.ear.fftSize);
  }

  // Of the microphone, dBFS.
  level() {
    this.ear.getFloatTimeDomainData(this.samples);
    const mean = this.samples.reduce((sum, sample) => sum + sample * sample, 0) / this.samples.length;
    return mean > 0 ? 10 * Math.log10(mean) : -100;
  }

  close() {
    this.stream.getTracks().forEach((track) => track.stop());
    this.clock?.stop();
    this.context.close();
  }
}
