/** The steps of the guided walk. Each finds its node by what it is, and is left out where a network has none. */

import { cellAt } from "../engine/ops/terms.js";
import { digits } from "../model/numbers.js";
import { products, slide } from "./kernel-slide.js";

/** @typedef {import("../model/state.js").State} State */
/**
 * says: paragraphs. task: what the reader does. where: the elements that are marked, the first is brought into view.
 * act: what the step does to the page, before it is shown. show: something to handle inside the step
 * @typedef {{title: string, act: () => void, says: () => string[], task: string, where: () => (Element | null | undefined)[],
 *   show?: () => HTMLElement}} Step
 */

/** @param {ArrayLike<number>} numbers @param {(value: number) => number} [by] @returns {number} where the largest stands */
function top(numbers, by = (value) => value) {
  let best = 0;
  for (let k = 1; k < numbers.length; k++) if (by(numbers[k]) > by(numbers[best])) best = k;
  return best;
}

/** @param {State} state @returns {Step[]} */
export function stepsOf(state) {
  const { nodes } = state.network, last = nodes.length - 1;
  const all = (/** @type {string} */ kind) => nodes.filter(({ op, shape }) => op.kind.endsWith(kind) && shape.length > 0);
  const convs = all("conv2d").filter(({ weights }) => weights.kernel.shape[0] * weights.kernel.shape[1] > 1);
  const [conv] = convs, deeper = convs[convs.length - 1], [relu] = all("activation"), [pool] = all("pool2d").sort((a, b) => b.shape.length - a.shape.length || a.id - b.id), [dense] = all("dense");
  const row = (/** @type {Net.Node | undefined} */ node) => node && document.querySelectorAll("cnn-network .node")[node.id];
  const one = (/** @type {string} */ selector) => document.querySelector(selector);
  /** @param {Net.Node} node @param {(value: number) => number} [by] choose the largest number of a node */
  const choose = (node, by) => {
    const { data } = state.mode === "value" ? state.pass.y[node.id] : state.pass.dy[node.id];
    state.choose({ node: node.id, cell: cellAt(node.shape, top(data, by)) });
  };
  /** Choose the largest number in the map of a convolution that is most like an edge: its weights cancel best. */
  const chooseEdge = () => {
    const { data, shape } = conv.weights.kernel, y = state.pass.y[conv.id].data, count = shape[3], maps = conv.shape[2];
    const edge = Array.from({ length: maps }, (_, c) => {
      const own = Array.from(data).filter((_, k) => k % count === c % count), sum = own.reduce((all, w) => all + w, 0);
      const alive = y.some((value, at) => at % maps === c && value > 0) ? 0 : 1;
      return alive + Math.abs(sum) / (own.reduce((all, w) => all + Math.abs(w), 0) || 1);
    });
    const channel = top(edge, (value) => -value), map = y.filter((_, at) => at % maps === channel), at = top(map);
    state.choose({ node: conv.id, cell: [Math.floor(at / conv.shape[1]), at % conv.shape[1], channel] });
  };
  const mode = (/** @type {"value" | "gradient"} */ to) => state.mode === to || state.set({ mode: to });
  const size = (/** @type {Net.Node} */ { weights: { kernel: { shape } } }) => `${shape[0]} by ${shape[1]}`;
  const percent = (/** @type {number} */ k) => `${digits(100 * state.pass.probabilities.data[k])} %`;
  const said = () => state.names[top(state.pass.probabilities.data)];
  /** @param {unknown} wanted @param {Step} step @returns {Step[]} */
  const given = (wanted, step) => (wanted ? [step] : []);
  return [
    {
      title: "A picture is numbers",
      act: () => {
        mode("value");
        choose(nodes[0]);
      },
      says: () => [
        `The network gets a picture as a table of ${nodes[0].shape.filter((n) => n > 1).join(" × ")} numbers, one for each pixel${nodes[0].shape[2] === 3 ? " and colour" : ""}. ` +
          `A bright pixel has a large number, a dark one a small number. The chosen pixel has ${digits(state.number)}.`,
        "The page paints numbers in colours: blue is positive, orange negative, the stronger the larger. 0 has the colour of the background.",
      ],
      task: "Point at other pixels of the picture, or move with the arrow keys, and read their numbers.",
      where: () => [row(nodes[0])],
    },
    ...given(conv, {
      title: "A kernel lies on a patch",
      act: () => {
        mode("value");
        chooseEdge();
      },
      says: () => [
        `A kernel is a small table of numbers, its weights: here ${size(conv)}. It lies on a patch of the picture of the same size. ` +
          "Each number of the patch is multiplied with the weight on it, and the products are added. The sum is one number of the map below the picture.",
      ],
      task: "Press “next product” a few times, then “all products”.",
      where: () => [row(nodes[0]), row(conv)],
      show: () => products(state, conv.id),
    }),
    ...given(conv, {
      title: "What a kernel does",
      act: () => {
        mode("value");
        chooseEdge();
      },
      says: () => [
        "The same kernel moves over the whole picture. At each place it gives one sum, and all the sums together are a map. " +
          "So a kernel looks for one small pattern everywhere. Where the patch is bright under the positive weights (blue) and dark under the negative ones (orange), the sum is large: the map lights up.",
        "That is how a kernel finds an edge: with positive weights on one side and negative ones on the other, it gives a large sum where one side is bright and the other dark. Where both sides are alike, the products cancel.",
      ],
      task: "Press “slide the kernel”. Then compare patch and kernel at the largest and at the smallest sum.",
      where: () => [row(nodes[0]), row(conv)],
      show: () => slide(state, conv.id),
    }),
    ...given(relu ?? pool, {
      title: relu && pool ? "Activation and pooling" : pool ? "Pooling" : "Activation",
      act: () => {
        mode("value");
        choose(pool ?? relu);
      },
      says: () => [
        ...(relu ? [relu.attrs.function === "relu"
          ? "The activation ReLU makes each negative number 0 and keeps the others. What is left says: here is the pattern, and how strongly."
          : `The activation ${relu.attrs.function} bends each number by a fixed curve. Without it, many layers could do no more than one.`] : []),
        ...(pool && pool.shape.length === 1 ? ["Global pooling makes one number of each map: how much of its pattern there is in the whole picture."] : []),
        ...(pool && pool.shape.length === 3 ? [pool.op.kind.includes("max")
          ? "Max pooling keeps the largest number of each small window. The map gets smaller, and still tells whether the pattern is there."
          : "Average pooling puts the mean of each window in its place. The map gets smaller, and still tells how much of the pattern is there."] : []),
      ],
      task: "Point at these numbers: the outlines in the maps above show where each one comes from.",
      where: () => [row(pool ?? relu), one("conv-cell")],
    }),
    {
      title: "From maps to an answer",
      act: () => {
        mode("value");
        choose(nodes[last]);
      },
      says: () => [
        ...(deeper && deeper !== conv ? [`Later kernels read the maps before them. So they look for patterns of patterns: loops, corners, ends of strokes. ${deeper.name} makes ${deeper.shape[2]} maps.`] : []),
        ...(dense ? [`A dense layer multiplies every number before it with a weight and adds up. The last one gives ${nodes[last].shape[0]} numbers, one for each class.`] : []),
        `${state.network.end === "sigmoid" ? "The sigmoid" : "Softmax"} makes probabilities of them. This network says ${said()}.`,
      ],
      task: "Choose another picture at the top and see the probabilities change.",
      where: () => [one(".answer"), row(nodes[last])],
    },
    {
      title: "Backward: who is to blame?",
      act: () => {
        const { data } = state.pass.probabilities;
        if (state.loss < 0.1 && data.length > 1) state.set({ label: top(data, (p) => (p === Math.max(...data) ? -1 : p)) });
        mode("gradient");
        choose(conv ?? nodes[0], Math.abs);
      },
      says: () => [
        `Suppose that the right answer is ${state.names[state.label]}. The network gives it ${percent(Math.min(state.label, nodes[last].shape[0] - 1))}, so the loss is ${digits(state.loss)}: the less probability for the right answer, the larger the loss.`,
        `Now every map shows gradients. A gradient says how the loss changes when this one number grows: blue, it rises; orange, it falls. They are computed from the last layer back to the first. The gradient of the chosen cell is ${digits(state.number)}.`,
      ],
      task: "Press another class in the list: it becomes the right answer, and all gradients change.",
      where: () => [one(".said"), one("cnn-network")],
    },
    ...given(conv ?? dense, {
      title: "Nudge it: a gradient is a slope",
      act: () => {
        mode("gradient");
        const { id } = conv ?? dense, { data, shape } = state.pass.dw[id].kernel;
        state.choose({ node: id, weight: "kernel", cell: cellAt(shape, top(data, Math.abs)) });
      },
      says: () => [
        `This is a weight of a kernel, and its gradient is ${digits(state.number)}. If the weight grows by 0.01, the loss should change by about 0.01 times that: ${digits(0.01 * state.number)}.`,
        "Training does this for all weights at once: each takes a small step against its gradient, picture after picture. Nobody writes the kernels by hand.",
        ...(one("train-live") ? ["Go on with the part of the page where the network learns, and watch its kernels change."] : []),
      ],
      task: "Press +0.01 beside “Change it”, and compare what the loss did with what the gradient predicted.",
      where: () => [one("conv-cell")],
    }),
  ];
}
