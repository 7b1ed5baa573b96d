/** Start a worker: from its module on a server, from the page's own script in an exported file. */

/**
 * @param {string} module the address of the module that begins the worker, such as "engine/network/worker.js"
 * @returns {Worker}
 */
export function startWorker(module) {
  const script = document.getElementById("convlens-script");
  if (script === null) return new Worker(`./${module}`, { type: "module" });
  const text = `globalThis.convlensEntry = ${JSON.stringify(module)};\n${script.textContent}`;
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const worker = new Worker(address);
  URL.revokeObjectURL(address);
  return worker;
}
