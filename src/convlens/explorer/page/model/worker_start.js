/** Start a worker from the page's one script, see `convlens.explorer.bundle`: on a server main.js, in a file inline. */

/** @param {string} module the address of the module that begins the worker @returns {Worker} */
export function startWorker(module) {
  const script = document.getElementById("convlens-script");
  if (script === null) return new Worker("./main.js", { name: module });
  const address = URL.createObjectURL(new Blob([script.textContent ?? ""], { type: "text/javascript" }));
  return new Worker(address, { name: module });
}
