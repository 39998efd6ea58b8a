// Sentences of the house in the page's language. What is none of a closed list stays as it was said.
import { has, t } from "../text.js";

const CODECS = { h264: "H.264", hevc: "H.265", mjpeg: "JPEG", mpeg4: "MPEG-4" };

export const codec = (name) => CODECS[name] ?? name;
export const way = (kind) => t(`cameras.way_${kind}`);

// `kind` is whose list it is from: `probe`, `advice`, `progress`, `talk`.
export function words(kind, { code, values = {}, text }) {
  const key = `camera.${kind}_${code}`;
  if (!has(key)) return text;
  const told = { ...values };
  if (values.way) told.way = way(values.way);
  if (values.codec) told.codec = codec(values.codec);
  if (values.why) told.why = why({ ...values, why: values.why });
  return t(key, told);
}

// Why a picture is passed on as it is, or made anew.
export function why({ why, codec: name, detail }) {
  const key = `cameras.why_${why}`;
  return has(key) ? t(key, { codec: codec(name) }) : detail ?? why;
}

export const talk = ({ reasons, why: text }) => (reasons ? reasons.map((one) => words("talk", one)).join("; ") : text);
