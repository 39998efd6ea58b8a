// Where in the page we are. Behind the hub's ingress the address has a prefix: what follows # alone is ours.
import { useEffect, useState } from "../vendor/preact-htm.js";

// `#/cameras/front_door` is ["cameras", "front_door"].
export function here() {
  return location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
}

export function to(...parts) {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

export function go(...parts) {
  location.hash = to(...parts);
}

export function useRoute() {
  const [route, setRoute] = useState(here);
  useEffect(() => {
    const moved = () => setRoute(here());
    addEventListener("hashchange", moved);
    // It may have changed before anybody listened.
    moved();
    return () => removeEventListener("hashchange", moved);
  }, []);
  return route;
}
