/** Optimizers, as in `convlens.nn.optimizers`: each changes the weights in place, given their gradients by name. */

import { adam } from "../kernels/adam.js";

/**
 * rate: the learning rate, which may be changed between steps. slots: the vectors that it keeps for each weight
 * @typedef {{rate: number, step: number, slots: Record<string, Net.Weights>,
 *   update: (weights: Net.Weights, gradients: Net.Weights) => void}} Optimizer
 */

/** m += (1 − β1)(g − m);  v += (1 − β2)(g² − v);  w −= rate √(1 − β2^t) / (1 − β1^t) · m / (√v + epsilon) */
export class Adam {
  /** @param {{rate?: number, beta1?: number, beta2?: number, epsilon?: number}} [numbers] */
  constructor({ rate = 0.001, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 } = {}) {
    this.rate = rate;
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = epsilon;
    this.step = 0;
    /** @type {Record<string, Net.Weights>} */
    this.slots = { m: {}, v: {} };
  }

  /** @param {Net.Weights} weights @param {Net.Weights} gradients */
  update(weights, gradients) {
    this.step += 1;
    const rate = (this.rate * Math.sqrt(1 - this.beta2 ** this.step)) / (1 - this.beta1 ** this.step);
    const { m, v } = this.slots;
    for (const [name, w] of Object.entries(weights)) {
      m[name] ??= w.like();
      v[name] ??= w.like();
      adam(w, m[name], v[name], gradients[name], rate, this.beta1, this.beta2, this.epsilon);
    }
  }
}

/** v = momentum · v − rate · g;  w += v;  with nesterov: w += momentum · v − rate · g */
export class SGD {
  /** @param {{rate?: number, momentum?: number, nesterov?: boolean}} [numbers] */
  constructor({ rate = 0.01, momentum = 0, nesterov = false } = {}) {
    this.rate = rate;
    this.momentum = momentum;
    this.nesterov = nesterov;
    this.step = 0;
    /** @type {Record<string, Net.Weights>} */
    this.slots = { velocity: {} };
  }

  /** @param {Net.Weights} weights @param {Net.Weights} gradients */
  update(weights, gradients) {
    this.step += 1;
    const { velocity } = this.slots;
    for (const [name, w] of Object.entries(weights)) {
      velocity[name] ??= w.like();
      const v = velocity[name].data, g = gradients[name].data;
      for (let k = 0; k < v.length; k++) {
        v[k] = this.momentum * v[k] - this.rate * g[k];
        w.data[k] += this.nesterov ? this.momentum * v[k] - this.rate * g[k] : v[k];
      }
    }
  }
}
