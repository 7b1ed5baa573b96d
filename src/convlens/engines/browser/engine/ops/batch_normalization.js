/** Batch normalisation: y = γ (x − μ) / s + β for each channel, s = sqrt(σ² + epsilon) */

import { SAME } from "./pointwise.js";
import { cellsOf, number, product, withTotals } from "./terms.js";

/**
 * The statistics of a pass, by channel: of the batch in training, else the running ones. inverse: 1 / s. dgamma and
 * dbeta are filled by the backward.
 * @param {Net.Tensor} x (n, …, c)
 * @param {Net.Node} node
 * @param {boolean} ofBatch
 */
function statisticsOf(x, node, ofBatch) {
  const c = x.shape[x.shape.length - 1], count = x.data.length / c, { epsilon } = node.attrs;
  const mean = Float64Array.from(node.weights.moving_mean.data);
  const variance = Float64Array.from(node.weights.moving_variance.data);
  if (ofBatch) {
    mean.fill(0);
    variance.fill(0);
    for (let at = 0; at < x.data.length; at++) mean[at % c] += x.data[at] / count;
    for (let at = 0; at < x.data.length; at++) variance[at % c] += (x.data[at] - mean[at % c]) ** 2 / count;
  }
  const inverse = variance.map((value) => 1 / Math.sqrt(value + epsilon));
  return { mean, variance, inverse, ofBatch, count, dgamma: new Float64Array(c), dbeta: new Float64Array(c) };
}

/** @typedef {ReturnType<typeof statisticsOf>} Statistics */

/** @param {Net.Node} node @param {number} c @param {Net.Reader} at @returns {Net.Factor[]} γ if it has one, 1/s */
function scale(node, c, at) {
  const inverse = number("1/s", at.saved.inverse[c]);
  return node.weights.gamma ? [at.w("gamma", [c], "γ"), inverse] : [inverse];
}

/** @param {Net.Cell} cell @param {Net.Reader} at @returns {Net.Factor} x − μ */
function centred(cell, at) {
  const x = at.x(cell);
  return { ...x, text: "(x − μ)", value: x.value - at.saved.mean[cell[cell.length - 1]] };
}

export const batchNormalization = withTotals({
  kind: "batch_normalization",
  ...SAME,
  weightShapes([shape], attrs) {
    const size = shape.slice(-1);
    const trained = { ...(attrs.scale ? { gamma: size } : {}), ...(attrs.center ? { beta: size } : {}) };
    return { ...trained, moving_mean: size, moving_variance: size };
  },
  forward([x], node, context) {
    const found = statisticsOf(x, node, context.training && !node.frozen), { mean, inverse } = found;
    const { gamma, beta } = node.weights, y = x.like(), c = mean.length;
    context.saved[node.id] = found;
    for (let at = 0; at < y.data.length; at++) {
      const k = at % c, factor = inverse[k] * (gamma ? gamma.data[k] : 1);
      y.data[at] = (x.data[at] - mean[k]) * factor + (beta ? beta.data[k] : 0);
    }
    return y;
  },
  backward(dy, [x], y, node, context) {
    /** @type {Statistics} */
    const { mean, inverse, dgamma, dbeta, count, ofBatch } = context.saved[node.id];
    const { gamma, beta } = node.weights, c = mean.length, dx = x.like();
    dgamma.fill(0);
    dbeta.fill(0);
    for (let at = 0; at < dy.data.length; at++) {
      dgamma[at % c] += dy.data[at] * (x.data[at] - mean[at % c]) * inverse[at % c];
      dbeta[at % c] += dy.data[at];
    }
    for (let at = 0; at < dx.data.length; at++) {
      const k = at % c, hat = (x.data[at] - mean[k]) * inverse[k];
      const through = ofBatch ? (dbeta[k] + hat * dgamma[k]) / count : 0;
      dx.data[at] = (dy.data[at] - through) * inverse[k] * (gamma ? gamma.data[k] : 1);
    }
    /** @type {Net.Weights} */
    const dw = {};
    if (gamma) (dw.gamma = gamma.like()).data.set(dgamma);
    if (beta) (dw.beta = beta.like()).data.set(dbeta);
    return { dx: [dx], dw };
  },
  newStates(node, context) {
    /** @type {Statistics} */
    const { mean, variance, ofBatch } = context.saved[node.id], { momentum } = node.attrs;
    /** @param {string} name @param {Float64Array} batch @returns {Net.Tensor} */
    const next = (name, batch) => {
      const w = node.weights[name].copy();
      if (ofBatch) w.data.forEach((value, k) => (w.data[k] = value * momentum + batch[k] * (1 - momentum)));
      return w;
    };
    return { moving_mean: next("moving_mean", mean), moving_variance: next("moving_variance", variance) };
  },
  terms(node, cell, at) {
    const c = cell[cell.length - 1], terms = [product([centred(cell, at), ...scale(node, c, at)])];
    if (node.weights.beta) terms.push(product([at.w("beta", [c], "β")], "β"));
    return { formula: "γ (x − μ) / s + β", terms };
  },
  inputTerms(node, cell, at) {
    const c = cell[cell.length - 1], both = scale(node, c, at), terms = [product([at.dy(cell), ...both])];
    /** @type {Statistics} */
    const { ofBatch, count, inverse, dgamma, dbeta } = at.saved;
    if (!ofBatch) return { formula: "dy · γ / s", terms };
    terms.push(product([number("−mean(dy)", -dbeta[c] / count), ...both], "through the batch's mean"));
    const hat = [centred(cell, at), number("1/s", inverse[c])];
    terms.push(product([number("−mean(dy·x̂)", -dgamma[c] / count), ...hat, ...both], "through the batch's variance"));
    return { formula: "γ/s · (dy − mean(dy) − x̂ · mean(dy·x̂)), x̂ = (x − μ)/s", terms };
  },
  weightTerms(node, [c], at, name) {
    const cells = cellsOf(node.shape.slice(0, -1)).map((place) => [...place, c]);
    if (name === "beta") return { formula: "Σ dy", terms: cells.map((cell) => product([at.dy(cell)])) };
    const inverse = number("1/s", at.saved.inverse[c]);
    const terms = cells.map((cell) => product([at.dy(cell), centred(cell, at), inverse]));
    return { formula: "Σ dy·(x − μ)/s", terms };
  },
});
