/** The steps of the guided walk. Each finds its node by what it is, and is left out where a network has none. */

import { cellAt } from "../engine/ops/terms.js";
import { theme } from "../model/colours.js";
import { digits } from "../model/numbers.js";
import { halves, products, slide } from "./kernel-slide.js";
import { make } from "./make.js";
import { classes, jumps, neighbours, nudges, pooled } from "./walk-tools.js";

/** @typedef {import("../model/state.js").State} State */
/**
 * says: paragraphs, drawn again at each change. task: what the reader does. asked: whether it was done, where `show` does not
 * say it by the event "done". where: the elements that are marked, the first is brought into view. act: what the step does
 * to the page, before it is shown. show: something to handle inside the step. backward: the maps show gradients, and the
 * label may be another than the picture's
 * @typedef {{title: string, act: () => void, says: () => string[], task: string, where: () => (Element | null | undefined)[],
 *   asked?: () => boolean, show?: () => HTMLElement[], backward?: boolean}} Step
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
  const bends = all("activation"), relu = bends.filter(({ id }) => pool && id < pool.id).pop() ?? bends[0], max = pool?.op.kind.includes("max");
  const row = (/** @type {Net.Node | undefined} */ node) => node && document.querySelectorAll("cnn-network .node")[node.id];
  const one = (/** @type {string} */ selector) => document.querySelector(selector);
  /** @type {unknown} */
  let first; // what the step began with
  /** @type {Set<number>} the signs of the gradients that were visited */
  const met = new Set();
  /** @param {Net.Node} node @param {(value: number, at: number) => number} [by] choose the largest number of a node */
  const choose = ({ id, shape }, by = (value) => value) => {
    const { data } = state.mode === "value" ? state.pass.y[id] : state.pass.dy[id];
    state.choose({ node: id, cell: cellAt(shape, top(data.map(by))) });
    first = state.chosen;
  };
  const chosen = (/** @type {Net.Node} */ { id }) => state.chosen.node === id && state.chosen.weight === undefined && state.chosen.end === undefined;
  const moved = (/** @type {Net.Node} */ node) => state.chosen !== first && chosen(node);
  const place = () => ["row ", ", column ", " of map "].slice(0, input === nodes[state.chosen.node] ? 2 : 3).map((word, k) => word + state.chosen.cell[k]).join("");
  const value = (/** @type {Net.Node} */ { id }, /** @type {number[]} */ cell) => state.pass.y[id].data[state.pass.y[id].at([0, ...cell])];
  /** @returns {number} the map of the first convolution whose kernel has the most different halves */
  const edge = () => {
    const { data } = state.pass.y[conv.id], { shape } = conv;
    return top(Array.from({ length: shape[2] }, (_, c) => (data.some((value, at) => at % shape[2] === c && value > 0) ? halves(state, conv.id, c).edge : -1)));
  };
  /** @param {Net.Node} node choose a number in the map of that kernel, the largest by this measure */
  const chooseIn = (node, by = (/** @type {number} */ found, /** @type {number[]} */ _cell) => found) => {
    const maps = node.shape[2], map = edge() % maps;
    choose(node, (found, at) => (at % maps === map ? by(found, cellAt(node.shape, at)) : -Infinity));
  };
  const under = (/** @type {number[]} */ cell) => pool.op.window(pool, cell)[0].cells;
  /** Choose a large number whose window has a negative number before the activation, if there is one. */
  const chooseWindow = () => {
    const read = nodes[pool.inputs[0]], from = read.op.kind === "activation" ? nodes[read.inputs[0]] : read;
    if (conv && pool.shape.length === 3) chooseIn(pool, (found, cell) => found * (under(cell).some((each) => value(from, each) < 0) ? 1 : 1e-3));
    else choose(pool);
  };
  const said = () => top(state.probabilities);
  /** Pretend that the second most probable class is right, where the loss is too small to show anything. */
  const pretend = () => {
    const data = state.probabilities;
    if (state.loss < 0.1) state.set({ label: top(data, (p) => (p === Math.max(...data) ? -1 : p)) });
  };
  const pretends = () => (state.label === own() ? `The right answer is ${state.names[state.label]}.` : `We pretend that the right answer is ${state.names[state.label]}`);
  const percent = (/** @type {number} */ k) => {
    const part = 100 * state.probabilities[k];
    return part < 0.1 ? "less than 0.1 %" : `${part.toFixed(1)} %`;
  };
  /** @returns {number} the map that the chosen weight of the first convolution helps to make */
  const mapOfWeight = () => {
    const { cell: [, , c, k] } = state.chosen, { shape } = conv.weights.kernel;
    return (c * shape[3] + k) % conv.shape[2];
  };
  const weightPlace = () => {
    const { node, cell: [i, j] } = state.chosen;
    return node === conv?.id && state.chosen.weight === "kernel" ? `in row ${i}, column ${j} of the kernel that makes map ${mapOfWeight()} of ${conv.name} (framed)` : `of ${nodes[node].name}`;
  };
  /** @returns {string} what the loss does if the chosen number rises by 0.01 */
  const slope = () => `if that number rises by 0.01, the loss ${state.number === 0 ? "stays" : `${state.number > 0 ? "rises" : "falls"} by about ${digits(Math.abs(0.01 * state.number))}`}`;
  /** @returns {string} why the chosen number of the convolution has no gradient */
  const why = () => {
    const { cell } = state.chosen, bent = nodes.find(({ inputs, attrs }) => inputs[0] === conv.id && attrs.function === "relu");
    if (bent && value(conv, cell) <= 0) return "ReLU makes 0 of it, since it is negative";
    const beaten = pool?.inputs[0] === (bent ?? conv).id && max && pool.op.consumers(pool, 0, cell).every((to) => value(pool, to) > value(conv, cell));
    return beaten ? "its pooling window has a larger one, and only the largest goes on" : "what is computed from it goes no further";
  };
  const blank = () => state.image.data.every((number, _, all) => number === all[0]);
  let part = 0; // where the reader is on the way to an answer
  const flat = nodes.find(({ op, shape }) => op.kind === "reshape" && shape.length === 1), final = all("dense").pop();
  const way = [
    ...(deeper && deeper !== conv ? [{ mark: () => row(deeper), says: () => `A later kernel, here of ${deeper.name}, reads all maps before it at once, so it looks for a pattern of patterns. ${deeper.shape[2]} kernels make ${deeper.shape[2]} maps; whoever built the network chose how many.` }] : []),
    ...(flat ? [{ mark: () => row(flat), says: () => `Flatten lays the maps out as one row of ${flat.shape[0]} numbers.` }] : []),
    ...(final ? [{
      mark: () => row(final),
      says: () => `A dense layer multiplies every number before it with a weight and adds up. The numbers 3 and 5, with the weights 2 and −1, give 3 · 2 + 5 · −1 = 1. ${final.name} does so ${final.shape[0]} time${final.shape[0] > 1 ? "s, with other weights for each class: each possible answer" : ""}. ` +
        (chosen(final) ? `Its number ${state.chosen.cell[0]} is ${digits(state.number)}. Point at others.` : "Point at its numbers."),
    }] : []),
    {
      mark: () => one(".given"),
      says: () => (blank() ? "Nothing is drawn yet: draw, or choose a picture."
        : `${state.network.end === "sigmoid" ? "The sigmoid makes a probability of the last number" : "Softmax makes probabilities of the last numbers: the larger the number, the more of the 100 %"}. This network says ${state.names[said()]}, with ${percent(said())}.`),
    },
  ];
  const onward = () => {
    const name = () => (part + 1 < way.length ? "next layer" : "first layer"), button = make("button", { onclick: () => {
      part = (part + 1) % way.length;
      button.textContent = name();
      button.dispatchEvent(new Event("part", { bubbles: true }));
    } }, name());
    return button;
  };
  /** @param {unknown} wanted @param {Step} step @returns {Step[]} */
  const given = (wanted, step) => (wanted ? [step] : []);
  return [
    {
      title: "A picture is numbers",
      act: () => choose(input),
      says: () => [
        `The network gets a picture as a table of ${input.shape.slice(0, 2).join(" × ")} numbers, one for each pixel. ` +
          `${input.shape[2] === 3 ? "A colour picture has three such tables, its channels: red, green and blue. " : ""}` +
          `The page paints numbers: the ${theme() === "dark" ? "brighter" : "darker"} the blue, the larger; orange is negative; 0 is the background.`,
        "Each row of small pictures, called maps, is a layer: it computes new numbers from those of the row before it. Its heading says what it does; the next steps show it.",
        chosen(input) && state.mode === "value"
          ? `The chosen pixel, ${place()} (both count from 0), has ${digits(state.number)}. The outlines in the other rows mark the numbers that depend on it.`
          : "No pixel of the picture is chosen now.",
      ],
      task: "Point at other pixels of the picture, or move with the arrow keys.",
      asked: () => moved(input),
      where: () => [row(input)],
      show: () => [neighbours(state, 0)],
    },
    ...given(conv, {
      title: "A kernel lies on a patch",
      act: () => chooseIn(conv),
      says: () => [
        `${conv.name} is a convolution: it slides a small table of weights over the picture. A weight is a number that the network has learned; the table, here ${conv.weights.kernel.shape.slice(0, 2).join(" by ")}, is called a kernel.`,
        `The kernel lies on a patch, outlined in the picture. Each number of the patch is multiplied with the weight on it, and the products are added${conv.weights.bias ? ", with one more number of the kernel, its bias" : ""}. The sum is one number of the map. The page rounds what it shows.`,
      ],
      task: "Press “next product” a few times, then “all products”.",
      where: () => [row(input), row(conv)],
      show: () => [products(state, conv.id)],
    }),
    ...given(conv, {
      title: "What a kernel does",
      act: () => state.choose({ node: conv.id, cell: [0, 0, edge()] }),
      says: () => [
        `The kernel slides over the whole picture. Its sums, laid out like the picture, are a feature map. A sum is large where the patch has large numbers under the kernel's positive weights (blue), and small ones under its negative weights (orange). ${conv.shape[2]} kernels make ${conv.shape[2]} maps.`,
        chosen(conv) ? halves(state, conv.id, state.chosen.cell[2]).text : "",
      ],
      task: "Press “slide the kernel” and let it end. Then compare “largest sum” and “smallest sum”.",
      where: () => [row(input), row(conv)],
      show: () => [slide(state, conv.id)],
    }),
    ...given(relu ?? pool, {
      title: relu && pool ? "Activation and pooling" : pool ? "Pooling" : "Activation",
      act: () => (pool ? chooseWindow() : choose(relu)),
      says: () => [
        ...(relu ? [relu.attrs.function === "relu"
          ? "ReLU, an activation, makes each negative number 0 and keeps the others. What is left says: here is the pattern, and how strongly."
          : `The activation ${relu.attrs.function} bends each number by a fixed curve. Without it, many layers could do no more than one.`] : []),
        ...(pool && pool.shape.length === 1 ? ["Global pooling makes one number of each map: how much of its pattern there is in the whole picture."] : []),
        ...(pool && pool.shape.length === 3 ? [`${max ? "Max" : "Average"} pooling cuts each map into small windows and keeps the ${max ? "largest number" : "mean"} of each. The map gets smaller, and still tells ${max ? "whether" : "how much of"} the pattern is there.`] : []),
        ...(pool ? [chosen(pool) ? `The window of the chosen number has ${under(state.chosen.cell).length} numbers; the ${max ? "largest" : "mean"} is ${digits(state.number)}.` : `Point at a number of ${pool.name} to see its window.`] : []),
      ],
      task: `Point at other numbers of ${(pool ?? relu)?.name}, or move with the arrow keys: ${pool ? `${max ? "which" : "what"} of the numbers in its window is kept?` : "which are 0?"}`,
      asked: () => moved(pool ?? relu),
      where: () => [relu && row(nodes[relu.inputs[0]]), row(relu), row(pool)].filter(Boolean),
      show: () => (pool ? [pooled(state, pool)] : []),
    }),
    {
      title: "From maps to an answer",
      act: () => {
        choose(nodes[last]);
        first = state.image;
      },
      says: () => [way[part].says()],
      task: `${way.length > 1 ? "Press “next layer” up to the answer. Then choose" : "Choose"} another picture and see the answer change.`,
      asked: () => part === way.length - 1 && state.image !== first && !blank(),
      where: () => [way[part].mark()],
      show: () => (way.length > 1 ? [make("p", { className: "controls" }, onward())] : []),
    },
    {
      title: "Backward: gradients",
      backward: true,
      act: () => {
        pretend();
        choose(conv ?? input, Math.abs);
        met.clear();
      },
      says: () => [
        `${pretends()}${state.label === own() ? "" : ", so that there is something to mend."} The network gives it ${percent(state.label)}. The loss says in one number how wrong that is: ${digits(state.loss)}; at 100 % it would be 0.`,
        "The colours now show gradients, not the numbers themselves. A gradient is a slope: what the loss does if that number rises a little. Blue: it rises. Orange: it falls. Empty: it stays. They are computed from the last layer back to the first.",
        chosen(conv ?? input) && state.mode === "gradient" ? `The chosen gradient, ${place()}, is ${state.number === 0 && conv ? `0: if that number rises a little, the loss stays, because ${why()}` : `${digits(state.number)}: ${slope()}`}.` : "",
      ],
      task: `Visit a blue, an orange and an empty place of ${(conv ?? input).name}, with the buttons, by pointing or with the arrow keys. Read the sentence above at each.`,
      asked: () => {
        if (moved(conv ?? input) && state.mode === "gradient") met.add(Math.sign(state.number));
        return met.size === new Set(state.pass.dy[(conv ?? input).id].data.map(Math.sign)).size;
      },
      where: () => [row(conv ?? input)],
      show: () => [jumps(state, (conv ?? input).id), neighbours(state, (conv ?? input).id), classes(state)],
    },
    ...given(conv ?? dense, {
      title: "Downhill: training",
      backward: true,
      act: () => {
        pretend();
        const { id } = conv ?? dense, { data, shape } = state.pass.dw[id].kernel;
        state.choose({ node: id, weight: "kernel", cell: cellAt(shape, top(data, Math.abs)) });
        first = state.nudges.length;
      },
      says: () => [
        state.learning ? "Training goes on: it changes all weights all the time. The loss of this picture follows."
          : state.chosen.weight === undefined ? "No weight is chosen now."
          : `A weight has a gradient, too. That of the weight ${weightPlace()} is ${digits(state.number)}: ${slope()}.`,
        ...(state.label === own() ? [] : [`${pretends()}, so a lower loss makes the network worse here: training takes the true answers.`]),
        `Training moves all ${nodes.reduce((sum, { weights }) => sum + Object.values(weights).reduce((part, { data }) => part + data.length, 0), 0).toLocaleString("en")} weights at once, each a little to where the loss falls, again and again. Nobody writes the kernels by hand.`,
        ...(one("train-live") ? ["A step changes all weights once, after a look at a batch, such as 32 pictures; the learning rate says how far it goes. An epoch is over when all pictures were looked at once. “finish” leads there: press “fresh weights”, then “start”."] : []),
      ],
      task: "Press “raise by 0.01”: does the loss do as the gradient said? Then “lower by 0.01” twice.",
      asked: () => new Set(state.nudges.slice(Number(first)).map(({ before, predicted }) => predicted > before)).size === 2,
      where: () => [row(conv ?? dense), conv && row(conv)?.querySelectorAll("canvas")[mapOfWeight()]],
      show: () => [nudges(state)],
    }),
  ];
}
