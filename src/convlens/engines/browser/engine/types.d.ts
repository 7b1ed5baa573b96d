/** The types that the modules share, for `tsc --checkJs`: they are no part of the program. */

import type { Tensor as TensorOfNumbers } from "./kernels/tensor.js";
import type { Reader as ReaderOfFactors } from "./ops/terms.js";

declare global {
  namespace Net {
    type Tensor = TensorOfNumbers;
    type Reader = ReaderOfFactors;
    type Dtype = "float32" | "float64";
    type Weights = Record<string, Tensor>;
    type Pair = [number, number];
    type Padding = "valid" | "same" | "course" | [Pair, Pair];
    type Ties = "first" | "all";
    type End = "softmax" | "sigmoid" | null;

    /** An index for each axis, without the axis of the examples */
    type Cell = number[];

    /** Where a factor's number stands: in a node's output, in its gradient, or in one of its weights */
    type Place =
      | { node: number; cell: Cell; gradient?: boolean; example?: number }
      | { node: number; weight: string; cell: Cell }
      | null;
    type Factor = { text: string; value: number; at: Place };

    /** A product of factors, or a value that `note` explains */
    type Term = { factors: Factor[]; value: number; note?: string };
    type Formula = { formula: string; terms: Term[] };

    /** The values of the terms, and of the rest in `more`, add up to `total`. */
    type Terms = Formula & { total: number; more?: { count: number; value: number } };

    /** The cells of one input that a cell is computed from */
    type Window = { input: number; cells: Cell[] };
    type Attrs = Record<string, any>;

    /** An operation of a network. layer: its layer's place in the specification, "3" or "3.branch.0" */
    interface Node {
      id: number;
      name: string;
      layer: string;
      layerName: string;
      op: Op;
      inputs: number[]; // the nodes that it reads
      inputShapes: number[][]; // of one example, as `shape`
      shape: number[];
      attrs: Attrs;
      weights: Weights;
      weightNames: Record<string, string>; // in a file of weights
      frozen?: boolean; // whether training leaves its layer as it is
    }

    /** What an operation sees of a pass. saved: what a forward keeps for its backward, by node */
    interface Context {
      training: boolean;
      random: () => number;
      ties: Ties; // which of several equal maxima of a window get its gradient
      needInput: boolean; // whether the gradient of the network's input is computed
      saved: Record<number, any>;
    }

    /** A pass with its numbers. dx: by node, the gradients that its operation gives each of its inputs */
    interface Pass extends Context {
      nodes: Node[];
      end: End;
      count: number;
      y: Tensor[];
      dy: Tensor[];
      dx: (Tensor | null)[][];
      dw: Weights[];
      targets: Tensor | null;
      loss: Tensor | null;
      readonly logits: Tensor;
      readonly probabilities: Tensor;
    }

    /** How an operation computes. weightShapes: of its weights by name; states: those without a gradient */
    interface Kernel {
      kind: string;
      shape(inputShapes: number[][], attrs: Attrs): number[];
      weightShapes?(inputShapes: number[][], attrs: Attrs): Record<string, number[]>;
      forward(inputs: Tensor[], node: Node, context: Context): Tensor;
      backward(
        dy: Tensor, inputs: Tensor[], y: Tensor, node: Node, context: Context,
      ): { dx: (Tensor | null)[]; dw: Weights };
      newStates?(node: Node, context: Context): Weights; // the statistics after a step of training
      window(node: Node, cell: Cell): Window[];
      consumers(node: Node, input: number, cell: Cell): Cell[];
    }

    /** An operation with its arithmetic as its file writes it; `withTotals` makes an `Op` of it. */
    interface Arithmetic extends Kernel {
      terms(node: Node, cell: Cell, at: Reader): Formula;
      inputTerms(node: Node, cell: Cell, at: Reader, input: number): Formula;
      weightTerms?(node: Node, cell: Cell, at: Reader, name: string): Formula; // of one example
    }

    interface Op extends Kernel {
      terms(node: Node, pass: Pass, example: number, cell: Cell): Terms;
      inputTerms(node: Node, pass: Pass, example: number, input: number, cell: Cell): Terms;
      weightTerms(node: Node, pass: Pass, example: number | "all", name: string, cell: Cell): Terms;
    }
  }
}
