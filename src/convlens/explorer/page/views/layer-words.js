/** What each kind of layer does, in a few plain words. */

/** By the kind of the operation @type {Record<string, string>} */
const WORDS = {
  input: "the picture as numbers",
  augmentation: "changes pictures at random while the network learns, and nothing now",
  conv2d: "slides small kernels over the maps before it",
  dense: "for each output one weighted sum of all numbers before it",
  max_pool2d: "keeps the largest number of each small window",
  average_pool2d: "takes the mean of each small window",
  global_max_pool2d: "keeps the largest number of each map",
  global_average_pool2d: "takes the mean of each map",
  reshape: "the same numbers in another shape",
  zero_padding2d: "puts zeros around each map",
  identity: "changes nothing",
  affine: "multiplies each number by a factor and adds an offset",
  dropout: "sets some numbers to 0 while the network learns, and changes nothing now",
  add: "adds two branches, number by number",
  batch_normalization: "shifts and scales each map to a usual size",
  local_response_normalization: "makes a number smaller where the maps beside it are strong",
  softmax: "makes probabilities of scores",
  activation: "bends each number by a fixed curve",
  // activations by their function
  relu: "negative numbers become 0",
  leaky_relu: "negative numbers become much smaller",
  sigmoid: "squeezes each number between 0 and 1",
  tanh: "squeezes each number between −1 and 1",
};
const ENDS = { softmax: "; softmax then makes probabilities of these scores", sigmoid: "; sigmoid then makes a probability of each" };

/** @param {Net.Node} node @param {Net.End} [end] what follows the last node @returns {string} what the node does */
export function gloss({ op: { kind }, attrs, shape, weights }, end = null) {
  const flat = kind === "reshape" && shape.length === 1, sides = weights.kernel?.shape;
  const words = kind === "conv2d" ? `slides kernels of ${sides[0]} × ${sides[1]} numbers over the maps before it` : flat ? "all numbers in one row" : WORDS[kind];
  return `${WORDS[attrs.function] ?? words}${end === null ? "" : ENDS[end]}`;
}
