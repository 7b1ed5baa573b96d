/** The calls of the course's functions, on networks of the page: for test_own_code_view.py. */

import { Network } from "./engine/network/network.js";
import { casesOf, reference } from "./model/course-call.js";
import { cellOf } from "./model/numbers.js";
import { State } from "./model/state.js";

/** @returns {any[]} for each call: its name, sizes, how many numbers the network has too, and how far they are apart */
export function calls(layers, shape) {
  const specification = { format: "convlens network", input_shape: shape, dtype: "float64", layers };
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const network = new Network(specification, { random });
  const state = new State(network, ["a", "b", "c"]);
  state.ties = "all";
  state.setImage(Array.from({ length: state.image.data.length }, random));
  return [0, 1, 2, 3].flatMap((task) => casesOf(state, task).map(({ name, make }) => {
    const call = make(), { arrays } = reference(call, call.padding === "same" ? "course" : "valid");
    let placed = 0, apart = 0, count = 0;
    for (const [array, tensor] of Object.entries(arrays)) {
      tensor.data.forEach((value, k) => {
        const place = call.place(array, cellOf(k, tensor.shape));
        count += 1;
        if (place === null) return;
        Object.assign(state, { mode: place.mode, chosen: place.chosen });
        placed += 1;
        apart = Math.max(apart, Math.abs(state.number - value));
      });
    }
    return { task, name, said: call.said, shapes: [call.x.shape, call.dy.shape], small: call.small, count, placed, apart };
  }));
}
