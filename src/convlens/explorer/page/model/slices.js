/** Long work in slices of a few milliseconds, one a frame, so that the page answers meanwhile. Works take turns. */

const SLICE = 5; // milliseconds

/** @type {{work: Iterator<unknown>, each: () => void}[]} */
const waiting = [];
let frame = 0;

function next() {
  if (frame === 0 && waiting.length > 0) frame = requestAnimationFrame(slice);
}

function slice() {
  const job = waiting.shift(), end = performance.now() + SLICE;
  frame = 0;
  if (job !== undefined) {
    let done = false;
    while (!done && performance.now() < end) done = job.work.next().done === true;
    if (!done) waiting.push(job);
    job.each();
  }
  next();
}

/**
 * @param {Iterator<unknown>} work each step is a part of it
 * @param {() => void} [each] called after each slice
 * @returns {() => void} ends the work
 */
export function inSlices(work, each = () => {}) {
  const job = { work, each };
  waiting.push(job);
  next();
  return () => {
    const at = waiting.indexOf(job);
    if (at >= 0) waiting.splice(at, 1);
  };
}
