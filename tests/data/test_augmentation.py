"""Crops, flips, colour shifts and ten crops: compared with loops, their distribution, equal bits, and errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from convlens.data import ColourShift, Compose, RandomCrop, RandomFlip, augmentation, center_crop, ten_crops

pytestmark = pytest.mark.smoke

DTYPES = ["float32", "float64"]
sides = st.integers(1, 6)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def numbered(shape, dtype="float64"):
    """A read-only array of different numbers, none of them 0."""
    images = np.arange(1, 1 + math.prod(shape), dtype=dtype).reshape(shape)
    images.flags.writeable = False
    return images


def coloured(n=60, h=5, w=4, dtype="float64"):
    """Noise with correlated channels of different strength."""
    mix = np.array([[0.3, 0.1, 0.02], [0.25, -0.1, 0.01], [0.2, 0.02, -0.05]])
    images = (0.5 + generator(1).standard_normal((n, h, w, 3)) @ mix.T).astype(dtype)
    images.flags.writeable = False
    return images


CHANGES = {
    "crop": RandomCrop((3, 2)),
    "padded crop": RandomCrop((5, 6), padding=(2, 1)),
    "flip": RandomFlip(),
    "colours": ColourShift.from_images(coloured()),
    "all": Compose((RandomCrop((4, 3), padding=1), RandomFlip(), ColourShift.from_images(coloured()))),
}
every = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


@every
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_dtype_is_kept_and_the_input_is_not_changed(change, dtype):
    images = coloured(dtype=dtype)
    kept = images.copy()
    got = change(images, generator())
    assert got.dtype == dtype and len(got) == len(images) and got.shape[3] == 3
    assert not np.shares_memory(got, images)
    assert_array_equal(images, kept)


@every
def test_generators_in_the_same_state_give_the_same_bits(change):
    images = coloured()
    assert_array_equal(change(images, generator(3)), change(images, generator(3)))
    assert (change(images, generator(3)) != change(images, generator(4))).any()
    rng = generator(3)
    assert (change(images, rng) != change(images, rng)).any(), "the generator must advance"


@every
def test_each_image_of_a_call_gets_its_own_random_change(change):
    same = np.repeat(coloured(1), 200, axis=0)
    different = np.unique(change(same, generator()).reshape(200, -1), axis=0)
    assert len(different) >= (2 if isinstance(change, RandomFlip) else 5)


# Crops ---------------------------------------------------------------------------------------------------------------


def padded_by_hand(image, rows, columns):
    h, w, c = image.shape
    whole = np.zeros((h + 2 * rows, w + 2 * columns, c), image.dtype)
    for i in range(h):
        for j in range(w):
            whole[i + rows, j + columns] = image[i, j]
    return whole


def places(image, size, whole):
    """All positions in `whole` at which `image` occurs."""
    h, w = size
    rows, columns = whole.shape[0] - h + 1, whole.shape[1] - w + 1
    cells = [(i, j) for i in range(rows) for j in range(columns)]
    return [(i, j) for i, j in cells if np.array_equal(whole[i : i + h, j : j + w], image)]


@given(n=st.integers(1, 4), h=sides, w=sides, c=st.integers(1, 3), data=st.data(), seed=st.integers(0, 999))
def test_a_crop_is_cut_from_the_padded_image(n, h, w, c, data, seed):
    rows, columns = data.draw(st.integers(0, 2)), data.draw(st.integers(0, 3))
    size = data.draw(st.integers(1, h + 2 * rows)), data.draw(st.integers(1, w + 2 * columns))
    images = numbered((n, h, w, c), data.draw(st.sampled_from([*DTYPES, "uint8"])))
    got = RandomCrop(size, (rows, columns))(images, generator(seed))
    assert got.shape == (n, *size, c) and got.dtype == images.dtype
    for image, cut in zip(images, got, strict=True):
        assert places(cut, size, padded_by_hand(image, rows, columns))


@pytest.mark.parametrize(("size", "padding"), [((3, 2), 0), ((5, 3), (1, 0)), ((4, 4), (0, 2)), ((5, 4), (0, 0))])
def test_every_place_is_equally_likely(size, padding):
    rows, columns = padding if isinstance(padding, tuple) else (padding, padding)
    n, image = 4000, numbered((1, 5, 4, 2))
    whole = padded_by_hand(image[0], rows, columns)
    got = RandomCrop(size, padding)(np.repeat(image, n, axis=0), generator())
    counts: dict[tuple[int, int], int] = {}
    for cut in got:
        (place,) = places(cut, size, whole)
        counts[place] = counts.get(place, 0) + 1
    number = (6 + 2 * rows - size[0]) * (5 + 2 * columns - size[1])
    assert len(counts) == number
    assert_allclose(list(counts.values()), n / number, atol=5 * math.sqrt(n / number))


def test_one_integer_stands_for_both_sides():
    images = coloured()
    assert_array_equal(RandomCrop(3, 1)(images, generator()), RandomCrop((3, 3), (1, 1))(images, generator()))


def test_digits_are_shifted_by_at_most_the_padding():
    images = np.zeros((300, 9, 8, 1))
    images[:, 4, 3] = 1
    at = np.argwhere(RandomCrop((9, 8), padding=(2, 1))(images, generator())[..., 0])
    assert at.shape == (300, 3)
    assert sorted(set(at[:, 1] - 4)) == [-2, -1, 0, 1, 2]
    assert sorted(set(at[:, 2] - 3)) == [-1, 0, 1]


# Flips ---------------------------------------------------------------------------------------------------------------


@given(n=st.integers(1, 5), h=sides, w=sides, c=st.integers(1, 3), seed=st.integers(0, 999))
def test_a_flip_mirrors_an_image_or_leaves_it(n, h, w, c, seed):
    images = numbered((n, h, w, c))
    for image, got in zip(images, RandomFlip()(images, generator(seed)), strict=True):
        mirrored = np.array([[image[i, w - 1 - j] for j in range(w)] for i in range(h)])
        assert np.array_equal(got, image) or np.array_equal(got, mirrored)


def test_about_half_are_mirrored():
    images = np.repeat(numbered((1, 2, 3, 1)), 4000, axis=0)
    mirrored = (RandomFlip()(images, generator()) != images).any(axis=(1, 2, 3))
    assert abs(mirrored.mean() - 0.5) < 5 * 0.5 / math.sqrt(4000)


# Colours -------------------------------------------------------------------------------------------------------------


def covariance_by_hand(images):
    pixels = [[float(v) for v in pixel] for pixel in images.reshape(-1, images.shape[3])]
    c, n = images.shape[3], len(pixels)
    mean = [math.fsum(pixel[i] for pixel in pixels) / n for i in range(c)]
    return np.array(
        [[math.fsum((p[i] - mean[i]) * (p[j] - mean[j]) for p in pixels) / n for j in range(c)] for i in range(c)]
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("block", [1, 7, 1 << 16])
def test_the_principal_colours_are_the_eigenvectors_of_the_covariance(monkeypatch, dtype, block):
    monkeypatch.setattr(augmentation, "_PIXELS", block)
    images = coloured(20, dtype=dtype)
    shift, covariance = ColourShift.from_images(images), covariance_by_hand(images)
    assert shift.values.dtype == shift.vectors.dtype == np.float64
    for i in range(3):
        assert_allclose(covariance @ shift.vectors[:, i], shift.values[i] * shift.vectors[:, i], atol=1e-12)
        assert max(shift.vectors[:, i], key=abs) > 0
    assert_allclose(shift.vectors.T @ shift.vectors, np.eye(3), atol=1e-12)
    assert shift.values[0] > shift.values[1] > shift.values[2] > 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_shift_follows_the_papers_formula_and_is_equal_for_all_pixels_of_an_image(dtype):
    vectors, values = np.linalg.qr(generator(5).standard_normal((3, 3)))[0], np.array([0.9, 0.4, 0.1])
    images = coloured(7, dtype=dtype)
    got = ColourShift(vectors, values, 0.2)(images, generator(6))
    strengths = generator(6).normal(0, 0.2, (7, 3))
    for n in range(7):
        want = [sum(vectors[k, i] * strengths[n, i] * values[i] for i in range(3)) for k in range(3)]
        tolerance = 1e-6 if dtype == "float32" else 1e-14
        assert_allclose(got[n].astype(float) - images[n], np.broadcast_to(want, (5, 4, 3)), atol=tolerance)


def test_the_strengths_are_normal_with_the_scale_given():
    shift = ColourShift.from_images(coloured())
    black = np.zeros((20_000, 1, 2, 3))
    found = (shift(black, generator())[:, 0, 0] @ shift.vectors) / shift.values
    assert shift.scale == 0.1
    assert_allclose(found.mean(axis=0), 0, atol=5 * 0.1 / math.sqrt(20_000))
    assert_allclose(found.std(axis=0), 0.1, rtol=5 / math.sqrt(40_000))
    assert_allclose(np.corrcoef(found.T), np.eye(3), atol=5 / math.sqrt(20_000))
    assert_allclose((np.abs(found) < 0.1).mean(axis=0), 0.6827, atol=0.02)


def test_grey_images_have_one_principal_colour_and_constant_images_none():
    grey = np.repeat(generator().random((9, 4, 3, 1)), 3, axis=3)
    shift = ColourShift.from_images(grey)
    assert_allclose(shift.vectors[:, 0], 1 / math.sqrt(3))
    assert_allclose(shift.values, [3 * grey.var(), 0, 0], atol=1e-15)
    moved = shift(grey, generator()) - grey
    assert_allclose(moved, np.repeat(moved[..., :1], 3, axis=3), atol=1e-14)
    assert np.abs(moved).max() > 1e-3
    constant = ColourShift.from_images(np.full((2, 3, 4, 3), 0.3))
    assert (constant.values >= 0).all() and constant.values.max() < 1e-20


def test_the_value_of_one_channel_is_its_variance():
    images = generator().random((5, 4, 3, 1))
    shift = ColourShift.from_images(images, scale=0)
    assert_allclose(shift.values, [images.var()])
    assert_array_equal(shift.vectors, [[1.0]])
    assert_array_equal(shift(images, generator()), images)


def test_changes_are_made_in_order_by_one_generator():
    images, rng = coloured(), generator(8)
    steps = RandomCrop((4, 3)), RandomFlip(), ColourShift.from_images(images)
    want = images
    for step in steps:
        want = step(want, rng)
    assert_array_equal(Compose(steps)(images, generator(8)), want)
    assert Compose(())(images, generator()) is images


# Ten crops -----------------------------------------------------------------------------------------------------------


@given(n=st.integers(1, 3), h=sides, w=sides, c=st.integers(1, 2), data=st.data())
def test_ten_crops_pixel_by_pixel(n, h, w, c, data):
    oh, ow = data.draw(st.integers(1, h)), data.draw(st.integers(1, w))
    images = numbered((n, h, w, c), data.draw(st.sampled_from([*DTYPES, "uint8"])))
    got = ten_crops(images, (oh, ow))
    assert got.shape == (n, 10, oh, ow, c) and got.dtype == images.dtype
    assert not np.shares_memory(got, images)
    below, beside = h - oh, w - ow
    corners = [(0, 0), (0, beside), (below, 0), (below, beside), (below // 2, beside // 2)]
    for k, (top, left) in enumerate(corners):
        for i in range(oh):
            for j in range(ow):
                assert_array_equal(got[:, k, i, j], images[:, top + i, left + j])
                assert_array_equal(got[:, 5 + k, i, ow - 1 - j], images[:, top + i, left + j])
    centre = center_crop(images, (oh, ow))
    assert_array_equal(centre, got[:, 4])
    assert not np.shares_memory(centre, images)


def test_a_crop_as_large_as_the_image_is_the_image():
    images = numbered((2, 3, 5, 2))
    for k, crop in enumerate(ten_crops(images, (3, 5)).swapaxes(0, 1)):
        assert_array_equal(crop, images if k < 5 else images[:, :, ::-1])


# Errors --------------------------------------------------------------------------------------------------------------

IMAGES = np.zeros((2, 5, 4, 3))
NAN = IMAGES.copy()
NAN[1, 2, 3, 0] = math.nan
COLOURS = ColourShift(np.eye(3), np.ones(3))
ILLEGAL = {
    "crop of nothing": (
        lambda: RandomCrop((3, 0)),
        "size must be an integer of at least 1, or two of them; got (3, 0)",
    ),
    "negative padding": (
        lambda: RandomCrop(3, -1),
        "padding must be an integer of at least 0, or two of them; got -1",
    ),
    "crop too high": (
        lambda: RandomCrop((8, 3), padding=(1, 9))(IMAGES, generator()),
        "RandomCrop needs a size that fits into the images; got (8, 3), images (7, 22)",
    ),
    "crop of one image": (
        lambda: RandomCrop(3)(IMAGES[0], generator()),
        "RandomCrop needs images as an array (n, h, w, c) that is not empty; got (5, 4, 3)",
    ),
    "crop of no images": (
        lambda: RandomCrop(3)(IMAGES[:0], generator()),
        "RandomCrop needs images as an array (n, h, w, c) that is not empty; got (0, 5, 4, 3)",
    ),
    "flip of a list": (
        lambda: RandomFlip()(IMAGES.tolist(), generator()),
        "RandomFlip needs images as an array (n, h, w, c) that is not empty; got list",
    ),
    "colours of other channels": (
        lambda: COLOURS(IMAGES[..., :2], generator()),
        "ColourShift needs images of 3 channels; got (2, 5, 4, 2)",
    ),
    "colours of bytes": (
        lambda: COLOURS(IMAGES.astype("u1"), generator()),
        "ColourShift needs images of float32 or float64; got uint8",
    ),
    "colours from bytes": (
        lambda: ColourShift.from_images(IMAGES.astype("u1")),
        "ColourShift needs images of float32 or float64; got uint8",
    ),
    "colours from NaN": (
        lambda: ColourShift.from_images(NAN),
        "ColourShift needs finite images; got 1 NaN or infinite numbers",
    ),
    "vectors of another size": (
        lambda: ColourShift(np.eye(3), np.ones(2)),
        "ColourShift needs vectors (c, c) and values (c,); got (3, 3), (2,)",
    ),
    "a scale below 0": (
        lambda: ColourShift(np.eye(3), np.ones(3), -0.1),
        "scale must be a number of at least 0; got -0.1",
    ),
    "a change that is not a function": (
        lambda: Compose((3,)),  # type: ignore[arg-type]  # on purpose
        "changes must be a tuple of functions of images and rng; got (3,)",
    ),
    "ten too wide": (
        lambda: ten_crops(IMAGES, (5, 6)),
        "ten_crops needs a size that fits into the images; got (5, 6), images (5, 4)",
    ),
    "the centre of one image": (
        lambda: center_crop(IMAGES[0], 2),
        "center_crop needs images as an array (n, h, w, c) that is not empty; got (5, 4, 3)",
    ),
}


@pytest.mark.parametrize(("call", "message"), ILLEGAL.values(), ids=ILLEGAL)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.parametrize("change", [RandomCrop(3), RandomFlip(), COLOURS])
def test_a_seed_is_not_a_generator(change):
    with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator; got 0"):
        change(IMAGES, 0)
