/** Work between frames, so that the page answers meanwhile. */

const SLICE = 4; // milliseconds

/** @param {() => void} act @returns {() => void} asks for it: however often it is called, it is done once, in the next frame */
export function inNextFrame(act) {
  let waits = false;
  return () => {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => {
      waits = false;
      act();
    });
  };
}

/**
 * Long work in slices of a few milliseconds, one a frame.
 * @param {Iterator<unknown>} work each step is a part of it
 * @param {() => void} each called after each slice
 * @returns {() => void} ends the work
 */
export function inSlices(work, each) {
  let ended = false;
  const slice = () => {
    const end = performance.now() + SLICE;
    while (!ended && performance.now() < end) ended = work.next().done === true;
    each();
    if (!ended) next();
  };
  const next = inNextFrame(() => ended || slice());
  next();
  return () => {
    ended = true;
  };
}
