/** Training: one step on a batch, and the batches of an epoch. */

/** @typedef {import("./network.js").Network} Network */
/** @typedef {import("./pass.js").Pass} Pass */

/**
 * Forward, backward, penalties, the optimizer's step, and the running statistics.
 * @param {Network} network its weights are changed
 * @param {import("./optimizers.js").Optimizer} optimizer
 * @param {Net.Tensor} x (n, …)
 * @param {import("./loss.js").Labels} labels
 * @param {() => number} [random] for dropout
 * @returns {{loss: number, right: number, gradients: Net.Weights}} the mean loss before the step, how many examples were
 *   right, and the gradients: zero in a frozen layer
 */
export function trainStep(network, optimizer, x, labels, random = Math.random) {
  const pass = network.forward(x, { training: true, random });
  pass.backward(labels, { input: false });
  /** @type {Net.Weights} */
  const weights = {};
  /** @type {Net.Weights} */
  const gradients = {};
  for (const node of network.nodes) {
    for (const [own, dw] of Object.entries(pass.dw[node.id])) {
      weights[node.weightNames[own]] = node.weights[own];
      const gradient = node.frozen ? dw.like() : penalised(dw, node.weights[own], node.attrs.penalties?.[own]);
      gradients[node.weightNames[own]] = gradient;
    }
  }
  optimizer.update(weights, gradients);
  for (const node of network.nodes) Object.assign(node.weights, node.op.newStates?.(node, pass) ?? {});
  const loss = /** @type {Net.Tensor} */ (pass.loss).data;
  let sum = 0;
  for (const each of loss) sum += each;
  return { loss: sum / loss.length, right: rightOf(pass), gradients };
}

/**
 * @param {Net.Tensor} dw
 * @param {Net.Tensor} w
 * @param {{l1: number, l2: number}} [penalty] l1 Σ|w| + l2 Σ w² is added to the loss
 * @returns {Net.Tensor} dw + l1 sign(w) + 2 l2 w
 */
function penalised(dw, w, penalty) {
  if (penalty === undefined) return dw;
  const found = dw.copy();
  for (let k = 0; k < found.data.length; k++) {
    found.data[k] += penalty.l1 * Math.sign(w.data[k]) + 2 * penalty.l2 * w.data[k];
  }
  return found;
}

/**
 * @param {Pass} pass after its backward
 * @returns {number} the examples whose largest logit is at the largest target; with sigmoid, the outputs on the right
 *   side of 1/2, divided by their number
 */
export function rightOf(pass) {
  const targets = /** @type {Net.Tensor} */ (pass.targets).data, z = pass.logits.data, [n, classes] = pass.logits.shape;
  let right = 0;
  for (let q = 0; q < n; q++) {
    let best = 0, wanted = 0, sides = 0;
    for (let k = 0; k < classes; k++) {
      if (z[q * classes + k] > z[q * classes + best]) best = k;
      if (targets[q * classes + k] > targets[q * classes + wanted]) wanted = k;
      if (z[q * classes + k] > 0 === targets[q * classes + k] > 0.5) sides += 1;
    }
    right += pass.end === "sigmoid" ? sides / classes : best === wanted ? 1 : 0;
  }
  return right;
}

/**
 * @param {number} count the number of examples
 * @param {number} size the examples of a batch; the last batch has what is left
 * @param {() => number} random
 * @returns {number[][]} all examples in a random order, in batches
 */
export function batchesOf(count, size, random) {
  const order = Array.from({ length: count }, (_, k) => k);
  for (let k = count - 1; k > 0; k--) {
    const other = Math.floor(random() * (k + 1));
    [order[k], order[other]] = [order[other], order[k]];
  }
  return Array.from({ length: Math.ceil(count / size) }, (_, k) => order.slice(k * size, (k + 1) * size));
}

/**
 * @param {number} seed
 * @returns {() => number} numbers from 0 to below 1, the same for the same seed: a counter, mixed as in MurmurHash3
 */
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0; // then a mix in which every bit of the state reaches every bit of the number
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return ((z ^ (z >>> 16)) >>> 0) / 2 ** 32;
  };
}
