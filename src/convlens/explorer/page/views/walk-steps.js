/** The steps of the guided walk. Each finds its node by what it is, and is left out where a network has none. */

import { cellAt } from "../engine/ops/terms.js";
import { theme } from "../model/colours.js";
import { digits } from "../model/numbers.js";
import { halves, products, slide } from "./kernel-slide.js";
import { classes, neighbours, nudges } from "./walk-tools.js";

/** @typedef {import("../model/state.js").State} State */
/**
 * says: paragraphs, drawn again at each change. task: what the reader does. asked: whether it was done, where `show` does not
 * say it by the event "done". where: the elements that are marked, the first is brought into view. act: what the step does
 * to the page, before it is shown. show: something to handle inside the step. pretends: another label than the picture's
 * @typedef {{title: string, act: () => void, says: () => string[], task: string, where: () => (Element | null | undefined)[],
 *   asked?: () => boolean, show?: () => HTMLElement, pretends?: boolean}} Step
 */

/** @param {ArrayLike<number>} numbers @param {(value: number) => number} [by] @returns {number} where the largest stands */
function top(numbers, by = (value) => value) {
  let best = 0;
  for (let k = 1; k < numbers.length; k++) if (by(numbers[k]) > by(numbers[best])) best = k;
  return best;
}

/** @param {State} state @param {() => number} own the picture's own label @returns {Step[]} */
export function stepsOf(state, own) {
  const { nodes } = state.network, last = nodes.length - 1, [input] = nodes;
  const all = (/** @type {string} */ kind) => nodes.filter(({ op, shape }) => op.kind.endsWith(kind) && shape.length > 0);
  const convs = all("conv2d").filter(({ weights }) => weights.kernel.shape[0] * weights.kernel.shape[1] > 1);
  const [conv] = convs, deeper = convs[convs.length - 1], [pool] = all("pool2d").sort((a, b) => b.shape.length - a.shape.length || a.id - b.id), [dense] = all("dense");
  const bends = all("activation"), relu = bends.filter(({ id }) => pool && id < pool.id).pop() ?? bends[0];
  const row = (/** @type {Net.Node | undefined} */ node) => node && document.querySelectorAll("cnn-network .node")[node.id];
  const one = (/** @type {string} */ selector) => document.querySelector(selector);
  /** @type {unknown} */
  let first; // what the step began with
  /** @param {Net.Node} node @param {(value: number) => number} [by] choose the largest number of a node */
  const choose = (node, by) => {
    const { data } = state.mode === "value" ? state.pass.y[node.id] : state.pass.dy[node.id];
    state.choose({ node: node.id, cell: cellAt(node.shape, top(data, by)) });
    first = state.chosen;
  };
  const moved = (/** @type {Net.Node} */ { id }) => state.chosen !== first && state.chosen.node === id && state.chosen.weight === undefined;
  /** Choose the largest number in the map whose kernel has the most different halves. */
  const chooseEdge = () => {
    const { data } = state.pass.y[conv.id], [, width, maps] = conv.shape;
    const own = (/** @type {number} */ c) => data.filter((_, at) => at % maps === c);
    const edges = Array.from({ length: maps }, (_, c) => (own(c).some((value) => value > 0) ? halves(state, conv.id, c).edge : -1));
    const channel = top(edges), at = top(own(channel));
    state.choose({ node: conv.id, cell: [Math.floor(at / width), at % width, channel] });
  };
  const mode = (/** @type {"value" | "gradient"} */ to) => state.mode === to || state.set({ mode: to });
  const size = (/** @type {Net.Node} */ { weights: { kernel: { shape } } }) => `${shape[0]} by ${shape[1]}`;
  const percent = (/** @type {number} */ k) => `${digits(100 * state.probabilities[k])} %`;
  const said = () => top(state.probabilities);
  const colour = () => `the ${theme() === "dark" ? "brighter" : "darker"} the blue, the larger the number`;
  /** @returns {string} the numbers under a pooling window, and what is made of them */
  const pooled = () => {
    const { node, cell, weight } = state.chosen, chosen = nodes[node];
    if (chosen !== pool || weight !== undefined || state.mode === "gradient") return "Point at a number of the pooling layer to see its window.";
    const [{ cells }] = chosen.op.window(chosen, cell), from = state.pass.y[chosen.inputs[0]];
    const numbers = cells.slice(0, 16).map((each) => digits(from.data[from.at([0, ...each])]));
    const rest = cells.length > 16 ? ` and ${cells.length - 16} more` : "";
    return `The window of the chosen number has ${numbers.join(", ")}${rest}: the ${pool.op.kind.includes("max") ? "largest" : "mean"} is ${digits(state.number)}.`;
  };
  /** @param {unknown} wanted @param {Step} step @returns {Step[]} */
  const given = (wanted, step) => (wanted ? [step] : []);
  return [
    {
      title: "A picture is numbers",
      act: () => {
        mode("value");
        choose(input);
      },
      says: () => [
        `The network gets a picture as a table of ${input.shape.slice(0, 2).join(" × ")} numbers, one for each pixel. ` +
          `${input.shape[2] === 3 ? "A colour picture has three such tables, its channels: red, green and blue. " : ""}` +
          `The page paints numbers: 0 has the colour of the background; ${colour()}; orange is negative.`,
        state.chosen.node === 0 && state.chosen.weight === undefined && state.mode === "value"
          ? `The chosen pixel, row ${state.chosen.cell[0]}, column ${state.chosen.cell[1]}, has ${digits(state.number)}. The outlines in the maps below mark the numbers that depend on it.`
          : "No pixel of the picture is chosen now.",
      ],
      task: "Point at other pixels of the picture, or move with the arrow keys.",
      asked: () => moved(input),
      where: () => [row(input)],
      show: () => neighbours(state),
    },
    ...given(conv, {
      title: "A kernel lies on a patch",
      act: () => {
        mode("value");
        chooseEdge();
      },
      says: () => [
        `A kernel is a small table of numbers, its weights: here ${size(conv)}. It lies on a patch of the picture of the same size.`,
        `Each number of the patch is multiplied with the weight on it. The products are added${conv.weights.bias ? ", and the bias with them: one more number of the kernel, the same at each place" : ""}. The sum is one number of the map below the picture.`,
      ],
      task: "Press “next product” a few times, then “all products”.",
      where: () => [row(input), row(conv)],
      show: () => products(state, conv.id),
    }),
    ...given(conv, {
      title: "What a kernel does",
      act: () => {
        mode("value");
        chooseEdge();
      },
      says: () => [
        `The kernel moves over the whole picture. The sums of one kernel, laid out like the picture, are called a feature map. This layer has ${conv.shape[2]} kernels, so it makes ${conv.shape[2]} maps.`,
        state.chosen.node === conv.id && state.chosen.weight === undefined ? halves(state, conv.id, state.chosen.cell[2]).text : "",
      ],
      task: "Press “slide the kernel” and let it end. Then press “largest sum” and “smallest sum”, and compare.",
      where: () => [row(input), row(conv)],
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
        ...(pool ? [pooled()] : []),
      ],
      task: `Point at other numbers of ${(pool ?? relu)?.name}: the outlines show which numbers each one comes from.`,
      asked: () => moved(pool ?? relu),
      where: () => [row(relu ?? pool), row(pool)],
    }),
    {
      title: "From maps to an answer",
      act: () => {
        mode("value");
        choose(nodes[last]);
        first = state.image;
      },
      says: () => [
        ...(deeper && deeper !== conv ? [`A later kernel reads all maps before it at once, so it looks for a pattern of patterns. ${deeper.name} has ${deeper.shape[2]} kernels and makes ${deeper.shape[2]} maps. How many there are was chosen by whoever built the network.`] : []),
        ...(dense ? [`A dense layer multiplies every number before it with a weight and adds up. The last one gives ${nodes[last].shape[0]} number${nodes[last].shape[0] > 1 ? "s, one for each class: each possible answer" : ""}.`] : []),
        `${state.network.end === "sigmoid" ? "The sigmoid makes a probability of it" : "Softmax makes probabilities of them: the larger the number, the more of the 100 %"}. This network says ${state.names[said()]}, with ${percent(said())}.`,
      ],
      task: "Choose another picture and see the answer change.",
      asked: () => state.image !== first,
      where: () => [one(".given")],
    },
    {
      title: "Backward: who is to blame?",
      pretends: true,
      act: () => {
        const data = state.probabilities;
        if (state.loss < 0.1) state.set({ label: top(data, (p) => (p === Math.max(...data) ? -1 : p)) });
        mode("gradient");
        choose(conv ?? input, Math.abs);
        first = state.label;
      },
      says: () => [
        (state.label === own() ? `The right answer is ${state.names[state.label]}.` : `We pretend that the right answer is ${state.names[state.label]}, so that there is something to blame.`) +
          ` The network gives it ${percent(state.label)}. The loss says in one number how wrong that is: ${digits(state.loss)}. It would be 0 at 100 %.`,
        "Now the maps show gradients, computed from the last layer back to the first. A gradient says what the loss does when this one number grows: blue, it rises; orange, it falls." +
          (state.mode === "gradient" ? ` The chosen gradient is ${digits(state.number)}.` : ""),
      ],
      task: "Make another class the right answer, and see all gradients change.",
      asked: () => state.label !== first,
      where: () => [row(input), row(conv)],
      show: () => classes(state),
    },
    ...given(conv ?? dense, {
      title: "Nudge it: a gradient is a slope",
      pretends: true,
      act: () => {
        mode("gradient");
        const { id } = conv ?? dense, { data, shape } = state.pass.dw[id].kernel;
        state.choose({ node: id, weight: "kernel", cell: cellAt(shape, top(data, Math.abs)) });
        first = state.nudges.length;
      },
      says: () => [
        state.chosen.weight === undefined ? "No weight is chosen now." : `The chosen number is a weight, and its gradient is ${digits(state.number)}: if the weight grows by 0.01, the loss changes by about ${digits(0.01 * state.number)}.`,
        "Training does this for all weights: from each it subtracts the learning rate times its gradient, so the loss falls. Nobody writes the kernels by hand.",
        ...(one("train-live") ? ["“finish” leads to the part where it learns. A batch is the pictures of one such step, an epoch is once through all pictures, the learning rate is how large the steps are."] : []),
      ],
      task: "Press +0.01, and compare the loss with what the gradient predicted.",
      asked: () => state.nudges.length > Number(first),
      where: () => [one("conv-cell")],
      show: () => nudges(state),
    }),
  ];
}
