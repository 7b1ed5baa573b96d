/** Long work in slices of a few milliseconds, one a frame, so that the page answers meanwhile. */

const SLICE = 5; // milliseconds

/**
 * @param {Iterator<unknown>} work each step is a part of it
 * @param {() => void} [each] called after each slice
 * @returns {() => void} ends the work
 */
export function inSlices(work, each = () => {}) {
  let frame = 0;
  const go = () => {
    const end = performance.now() + SLICE;
    let done = false;
    while (!done && performance.now() < end) done = work.next().done === true;
    frame = done ? 0 : requestAnimationFrame(go);
    each();
  };
  frame = requestAnimationFrame(go);
  return () => cancelAnimationFrame(frame);
}
