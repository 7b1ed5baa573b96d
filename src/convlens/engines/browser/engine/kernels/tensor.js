/** Arrays with a shape: the numbers lie in C order, the last axis together. */

/** @typedef {"float32" | "float64"} Dtype */
/** @typedef {Float32Array | Float64Array} Numbers */

/**
 * @param {readonly number[]} shape
 * @returns {number} the count of numbers in an array of this shape
 */
export function sizeOf(shape) {
  return shape.reduce((product, size) => product * size, 1);
}

/** An array of numbers with a shape. */
export class Tensor {
  /**
   * @param {readonly number[]} shape
   * @param {Numbers} data as many numbers as the shape has
   */
  constructor(shape, data) {
    const size = sizeOf(shape);
    if (data.length !== size) {
      throw new RangeError(`a tensor of shape (${shape.join(", ")}) needs ${size} numbers; got ${data.length}`);
    }
    this.shape = [...shape];
    this.data = data;
  }

  /** @returns {Dtype} */
  get dtype() {
    return this.data instanceof Float32Array ? "float32" : "float64";
  }

  /**
   * @param {readonly number[]} shape
   * @param {Dtype} [dtype]
   * @returns {Tensor} zeros
   */
  static zeros(shape, dtype = "float32") {
    const size = sizeOf(shape);
    return new Tensor(shape, dtype === "float32" ? new Float32Array(size) : new Float64Array(size));
  }

  /**
   * @param {readonly number[]} shape
   * @returns {Tensor} zeros of this shape and of this tensor's dtype
   */
  like(shape = this.shape) {
    return Tensor.zeros(shape, this.dtype);
  }

  /**
   * @param {readonly number[]} shape as many numbers in another shape
   * @returns {Tensor} the same memory
   */
  reshape(shape) {
    return new Tensor(shape, this.data);
  }

  /** @returns {Tensor} a copy */
  copy() {
    return new Tensor(this.shape, this.data.slice());
  }

  /**
   * @param {readonly number[]} cell an index for each axis
   * @returns {number} the place of this cell in `data`
   */
  at(cell) {
    let place = 0;
    for (let axis = 0; axis < this.shape.length; axis++) place = place * this.shape[axis] + cell[axis];
    return place;
  }

  /**
   * @param {number} from
   * @param {number} to
   * @returns {Tensor} the examples from `from` to below `to`, in the same memory
   */
  examples(from, to) {
    const size = sizeOf(this.shape.slice(1));
    return new Tensor([to - from, ...this.shape.slice(1)], this.data.subarray(from * size, to * size));
  }
}
