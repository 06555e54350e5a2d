#!/usr/bin/python3
"""Writes tests/golden/images: small files of every kind that src/image reads, and what they must decode to.

    /usr/bin/python3 tests/golden/make_images.py        (Debian: python3-pil, python3-numpy, python3-torch)

The witness is Pillow: convert("RGB").convert("L"). Where Pillow cannot tell (16 bits and more, files it does not read) it is numpy, with
the formula of image.h; resizing is checked against torch. Files that Pillow cannot write are packed by hand here.
"""
import io
import os
import struct
import zlib

import numpy as np
import torch
from PIL import Image

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "images")
os.makedirs(OUT, exist_ok=True)
rng = np.random.default_rng(20260101)
W, H = 13, 7
expected = []


def luma(rgb):
    r, g, b = (rgb[..., i].astype(np.uint64) for i in range(3))
    return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16


def stretch(samples):
    flat = np.sort(samples.ravel().astype(np.int64))
    rank = (flat.size - 1 + 500) // 1000
    low, high = flat[rank], flat[flat.size - 1 - rank]
    if low == high:
        low, high = flat[0], flat[-1]
    if low == high:
        return (samples >> 8).astype(np.uint8)
    above = np.clip(samples.astype(np.int64), low, high) - low
    return ((above * 255 + (high - low) // 2) // (high - low)).astype(np.uint8)


def pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB").convert("L"))


def add(name, data, grey=None, tolerance=0):
    with open(os.path.join(OUT, name), "wb") as f:
        f.write(data)
    grey = pillow(data) if grey is None else grey
    h, w = grey.shape
    expected.append(f"{name} {w} {h} {tolerance} {np.asarray(grey, np.uint8).tobytes().hex()}")


def agree(name, data, grey):
    """A file packed by hand: Pillow must read it as we meant it."""
    assert np.array_equal(pillow(data), grey), name
    add(name, data, grey)


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


# ---- the pictures -----------------------------------------------------------------------------

grey = rng.integers(0, 256, (H, W), dtype=np.uint8)
rgb = rng.integers(0, 256, (H, W, 3), dtype=np.uint8)
rgba = rng.integers(0, 256, (H, W, 4), dtype=np.uint8)
rgba[0, :, 3] = 0  # the colour under full transparency counts
smooth = (np.add.outer(np.arange(24) * 5, np.arange(40) * 3) % 256).astype(np.uint8)
smooth_rgb = np.stack([smooth, 255 - smooth, np.roll(smooth, 5, 1)], 2)
wide = (rng.normal(2000, 300, (29, 41)).clip(0, 4095)).astype(np.uint16)  # 12 bits in 16
wide_rgb = rng.integers(0, 65536, (H, W, 3), dtype=np.uint16)

# ---- PNG --------------------------------------------------------------------------------------


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def pack_bits(values, bits):
    """Rows of small samples, most significant first, each row on a byte boundary."""
    out = b""
    for row in values:
        text = "".join(format(int(v), f"0{bits}b") for v in row)
        text += "0" * (-len(text) % 8)
        out += int(text, 2).to_bytes(len(text) // 8, "big") if text else b""
    return out


def png_rows(samples, depth):
    rows = samples.reshape(samples.shape[0], -1)
    if depth == 16:
        packed = [r.astype(">u2").tobytes() for r in rows]
    elif depth == 8:
        packed = [r.astype(np.uint8).tobytes() for r in rows]
    else:
        packed = [pack_bits([r], depth) for r in rows]
    return b"".join(b"\0" + r for r in packed)


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(samples, colour, depth, interlaced=False, extra=b""):
    h, w = samples.shape[:2]
    raw = b""
    if interlaced:
        for x0, y0, dx, dy in ADAM7:
            part = samples[y0::dy, x0::dx]
            if part.size:
                raw += png_rows(part, depth)
    else:
        raw = png_rows(samples, depth)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, int(interlaced))) +
            extra + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


for interlaced in (False, True):
    end = "_interlaced.png" if interlaced else ".png"
    for depth in (1, 2, 4):
        small = (grey >> (8 - depth)).astype(np.uint8)
        agree(f"grey{depth}{end}", png(small, 0, depth, interlaced), (small.astype(int) * 255 // (2**depth - 1)))
        table = rng.integers(0, 256, (2**depth, 3), dtype=np.uint8)
        agree(f"palette{depth}{end}", png(small, 3, depth, interlaced, chunk(b"PLTE", table.tobytes())),
              luma(table[small]))
    table = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    agree(f"palette8{end}", png(grey, 3, 8, interlaced, chunk(b"PLTE", table.tobytes())), luma(table[grey]))
    agree(f"grey8{end}", png(grey, 0, 8, interlaced), grey)
    agree(f"rgb8{end}", png(rgb, 2, 8, interlaced), luma(rgb))
    add(f"rgba8{end}", png(rgba, 6, 8, interlaced), luma(rgba))
    add(f"grey_alpha8{end}", png(np.stack([grey, 255 - grey], 2), 4, 8, interlaced), grey)
    add(f"grey16{end}", png(wide, 0, 16, interlaced), stretch(wide))
    add(f"rgb16{end}", png(wide_rgb, 2, 16, interlaced), stretch(luma(wide_rgb)))
agree("transparent_palette.png", png(grey, 3, 8, False, chunk(b"PLTE", table.tobytes()) + chunk(b"tRNS", bytes(range(200)))),
      luma(table[grey]))
agree("transparent_grey.png", png(grey, 0, 8, False, chunk(b"tRNS", b"\0\x40")), grey)
wide_alpha = rng.integers(0, 65536, (H, W, 2), dtype=np.uint16)
add("grey_alpha16.png", png(wide_alpha, 4, 16), stretch(wide_alpha[..., 0]))
add("constant16.png", png(np.full((3, 3), 0x1234, np.uint16), 0, 16), np.full((3, 3), 0x12))
broken_profile = chunk(b"iCCP", b"sRGB\0\0" + b"this is no deflate stream") + chunk(b"gAMA", b"\0") + chunk(b"tIME", b"")
add("broken_profile.png", png(grey, 0, 8, False, broken_profile), grey)

# ---- JPEG: another library may round differently by one -----------------------------------------

add("grey.jpg", saved(Image.fromarray(smooth), "JPEG", quality=90), tolerance=1)
add("colour_420.jpg", saved(Image.fromarray(smooth_rgb), "JPEG", quality=90, subsampling=2), tolerance=2)
add("colour_444.jpg", saved(Image.fromarray(smooth_rgb), "JPEG", quality=90, subsampling=0), tolerance=2)
add("progressive.jpg", saved(Image.fromarray(smooth_rgb), "JPEG", quality=90, progressive=True), tolerance=2)
cmyk = Image.fromarray(smooth_rgb).convert("CMYK")
inverted = saved(cmyk, "JPEG", quality=90)
add("adobe_cmyk.jpg", inverted, tolerance=2)
at = inverted.index(b"Adobe") + 11
ycck = bytearray(inverted)
ycck[at] = 2
add("adobe_ycck.jpg", bytes(ycck), tolerance=2)
marker = inverted.index(b"\xff\xee")
plain = inverted[:marker] + inverted[marker + 2 + struct.unpack(">H", inverted[marker + 2:marker + 4])[0]:]
opened = Image.open(io.BytesIO(plain))
opened.load()  # Pillow takes any CMYK as Adobe's; without the marker the values are plain ink
add("plain_cmyk.jpg", plain, np.asarray(Image.fromarray(255 - np.asarray(opened), "CMYK").convert("RGB").convert("L")), 2)

# ---- TIFF -------------------------------------------------------------------------------------


def tiff(tags, blocks, order="<", big=False):
    """tags: {number: (type, [values])}; StripOffsets (273) or TileOffsets (324) are filled in here."""
    size = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 16: 8}
    code = {1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 16: "Q"}
    data = (b"II" if order == "<" else b"MM") + (struct.pack(order + "HHHQ", 43, 8, 0, 0) if big
                                                 else struct.pack(order + "HI", 42, 0))
    offsets = []
    for block in blocks:
        offsets.append(len(data))
        data += block + b"\0" * (len(block) % 2)
    where, counts = (324, 325) if 322 in tags else (273, 279)
    tags = dict(tags)
    tags[where] = (4, offsets)
    tags[counts] = (4, [len(b) for b in blocks])
    entries = b""
    room, number, entry = (8, "Q", ">HHQ") if big else (4, "I", ">HHI")
    for tag in sorted(tags):
        kind, values = tags[tag]
        body = b"".join(struct.pack(order + code[kind], *(v if isinstance(v, tuple) else (v,))) for v in values)
        assert len(body) == size[kind] * len(values)
        if len(body) > room:
            position = len(data)
            data += body + b"\0" * (len(body) % 2)
            body = struct.pack(order + number, position)
        entries += struct.pack(order + entry[1:], tag, kind, len(values)) + body.ljust(room, b"\0")
    position = len(data)
    data += struct.pack(order + ("Q" if big else "H"), len(tags)) + entries + b"\0" * room
    return data[:8] + struct.pack("<Q", position) + data[16:] if big else \
        data[:4] + struct.pack(order + "I", position) + data[8:]


def base(h, w, bits, photometric, samples=1, **more):
    tags = {256: (4, [w]), 257: (4, [h]), 258: (3, [bits] * samples), 259: (3, [1]), 262: (3, [photometric]),
            277: (3, [samples]), 278: (4, [h])}
    tags.update(more.get("tags", {}))
    return tags


for name, compression in (("raw", "raw"), ("lzw", "tiff_lzw"), ("deflate", "tiff_adobe_deflate"), ("packbits", "packbits")):
    add(f"grey_{name}.tif", saved(Image.fromarray(grey), "TIFF", compression=compression))
    add(f"rgb_{name}.tif", saved(Image.fromarray(rgb), "TIFF", compression=compression))
    data = saved(Image.fromarray(wide), "TIFF", compression=compression)
    add(f"grey16_{name}.tif", data, stretch(wide))
add("rgba.tif", saved(Image.fromarray(rgba), "TIFF"), luma(rgba))
add("palette.tif", saved(Image.fromarray(rgb).convert("P"), "TIFF"))
add("bilevel_g4.tif", saved(Image.fromarray(smooth > 100), "TIFF", compression="group4"))
add("bilevel.tif", saved(Image.fromarray(smooth > 100), "TIFF"))
add("cmyk.tif", saved(Image.fromarray(rgb).convert("CMYK"), "TIFF"))
add("jpeg.tif", saved(Image.fromarray(smooth), "TIFF", compression="jpeg"), tolerance=1)
add("jpeg_ycbcr.tif", saved(Image.fromarray(smooth_rgb), "TIFF", compression="jpeg"), tolerance=2)
real = rng.normal(0, 3, (H, W)).astype(np.float32)


def unit16(values):
    low, high = float(values.min()), float(values.max())
    return ((values.astype(np.float64) - low) / (high - low) * 65535 + 0.5).astype(np.int64)


add("float32.tif", saved(Image.fromarray(real), "TIFF"), stretch(unit16(real)))
whole = rng.integers(-70000, 70000, (H, W)).astype(np.int32)
add("int32.tif", saved(Image.fromarray(whole), "TIFF"), stretch(unit16(whole)))
agree("white_is_zero.tif", tiff(base(H, W, 8, 0), [grey.tobytes()]), 255 - grey)
add("white_is_zero16.tif", tiff(base(29, 41, 16, 0), [wide.tobytes()]), stretch(65535 - wide.astype(np.int64)))
add("big_endian16.tif", tiff(base(29, 41, 16, 1), [wide.astype(">u2").tobytes()], ">"), stretch(wide))
signed = (wide.astype(np.int32) - 2000).astype(np.int16)
add("signed16.tif", tiff(base(29, 41, 16, 1, tags={339: (3, [2])}), [signed.tobytes()]),
    stretch(signed.astype(np.int64) + 32768))
add("big.tif", tiff(base(H, W, 8, 1), [grey.tobytes()], "<", True), grey)
for bits in (2, 4):
    small = grey >> (8 - bits)
    add(f"grey{bits}.tif", tiff(base(H, W, bits, 1), [pack_bits(small, bits)]), small.astype(int) * 255 // (2**bits - 1))
strips = base(H, W, 8, 1, tags={278: (4, [3])})
agree("strips.tif", tiff(strips, [grey[i:i + 3].tobytes() for i in range(0, H, 3)]), grey)
separate = base(H, W, 8, 2, 3, tags={284: (3, [2])})
agree("planar.tif", tiff(separate, [rgb[..., c].tobytes() for c in range(3)]), luma(rgb))
separate16 = base(H, W, 16, 2, 3, tags={284: (3, [2])})
add("planar16.tif", tiff(separate16, [wide_rgb[..., c].tobytes() for c in range(3)]), stretch(luma(wide_rgb)))
add("rgb16.tif", tiff(base(H, W, 16, 2, 3), [wide_rgb.tobytes()]), stretch(luma(wide_rgb)))
tiles = []
padded = np.zeros((32, 48), np.uint8)
padded[:24, :40] = smooth
for y in range(0, 32, 16):
    for x in range(0, 48, 16):
        tiles.append(padded[y:y + 16, x:x + 16].tobytes())
tiled = base(24, 40, 8, 1, tags={322: (4, [16]), 323: (4, [16])})
del tiled[278]
agree("tiled.tif", tiff(tiled, tiles), smooth)
colour_tiles = []
padded_rgb = np.zeros((32, 48, 3), np.uint8)
padded_rgb[:24, :40] = smooth_rgb
for c in range(3):
    for y in range(0, 32, 16):
        for x in range(0, 48, 16):
            colour_tiles.append(padded_rgb[y:y + 16, x:x + 16, c].tobytes())
tiled_planar = base(24, 40, 8, 2, 3, tags={322: (4, [16]), 323: (4, [16]), 284: (3, [2])})
del tiled_planar[278]
add("tiled_planar.tif", tiff(tiled_planar, colour_tiles), luma(smooth_rgb))
table16 = (table.astype(np.uint16) * 257).T.reshape(-1)
agree("palette_by_hand.tif", tiff(base(H, W, 8, 3, tags={320: (3, [int(v) for v in table16])}), [grey.tobytes()]), luma(table[grey]))

# ---- BMP --------------------------------------------------------------------------------------

add("grey.bmp", saved(Image.fromarray(grey), "BMP"))
add("rgb.bmp", saved(Image.fromarray(rgb), "BMP"))
add("rgba.bmp", saved(Image.fromarray(rgba), "BMP"), luma(rgba))
add("palette.bmp", saved(Image.fromarray(rgb).convert("P"), "BMP"))
add("bilevel.bmp", saved(Image.fromarray(grey > 100), "BMP"))


def bmp(w, h, bits, body, compression=0, table=b"", masks=b"", colours=0):
    offset = 14 + 40 + len(masks) + len(table)
    return (b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) +
            struct.pack("<IiiHHIIiiII", 40, w, h, 1, bits, compression, len(body), 2835, 2835, colours, 0) + masks + table + body)


def bmp_rows(rows):
    return b"".join(r + b"\0" * (-len(r) % 4) for r in rows)


blue_first = table[:, ::-1]
quads = np.concatenate([blue_first, np.zeros((256, 1), np.uint8)], 1)
agree("top_down.bmp", bmp(W, -H, 8, bmp_rows(r.tobytes() for r in grey), table=quads.tobytes()), luma(table[grey]))
small = grey >> 4
agree("palette4.bmp", bmp(W, H, 4, bmp_rows(pack_bits([r], 4) for r in small[::-1]), table=quads[:16].tobytes()), luma(table[small]))
agree("short_table.bmp", bmp(W, H, 8, bmp_rows(r.tobytes() for r in small[::-1]), table=quads[:16].tobytes(), colours=16),
      luma(table[small]))
five = rng.integers(0, 32, (H, W, 3)).astype(np.uint16)
packed = five[..., 0] << 10 | five[..., 1] << 5 | five[..., 2]
agree("rgb555.bmp", bmp(W, H, 16, bmp_rows(r.astype("<u2").tobytes() for r in packed[::-1])), luma(five.astype(int) * 255 // 31))
six = five.copy()
six[..., 1] = rng.integers(0, 64, (H, W))
packed = six[..., 0] << 11 | six[..., 1] << 5 | six[..., 2]
scaled = np.stack([six[..., 0].astype(int) * 255 // 31, six[..., 1].astype(int) * 255 // 63, six[..., 2].astype(int) * 255 // 31], 2)
agree("rgb565.bmp", bmp(W, H, 16, bmp_rows(r.astype("<u2").tobytes() for r in packed[::-1]), 3,
                        masks=struct.pack("<III", 0xf800, 0x7e0, 0x1f)), luma(scaled))
core = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 12 + 768) + struct.pack("<IHHHH", 12, W, H, 1, 8) + blue_first.tobytes()
agree("os2.bmp", core + bmp_rows(r.tobytes() for r in grey[::-1]), luma(table[grey]))
runs = np.zeros((4, 10), np.uint8)
runs[3, :6] = 7          # the first coded row is the lowest
runs[3, 6:] = [1, 2, 3, 4]
runs[2, :] = 9
runs[0, 5:8] = [200, 201, 202]
rle8 = bytes([6, 7, 0, 4, 1, 2, 3, 4, 0, 0, 10, 9, 0, 0, 0, 2, 5, 1, 0, 3, 200, 201, 202, 0, 0, 1])
add("rle8.bmp", bmp(10, 4, 8, rle8, 1, table=quads.tobytes()), luma(table[runs]))
runs4 = np.zeros((2, 9), np.uint8)
runs4[1] = [1, 2, 1, 2, 1, 5, 6, 7, 8]
runs4[0, :] = 3
rle4 = bytes([5, 0x12, 0, 4, 0x56, 0x78, 0, 0, 9, 0x33, 0, 1])
add("rle4.bmp", bmp(9, 2, 4, rle4, 2, table=quads[:16].tobytes()), luma(table[runs4]))

# ---- WebP -------------------------------------------------------------------------------------

add("lossy.webp", saved(Image.fromarray(smooth_rgb), "WEBP", quality=80))
add("lossy_grey.webp", saved(Image.fromarray(smooth), "WEBP", quality=50))
add("lossy_alpha.webp", saved(Image.fromarray(rgba), "WEBP", quality=80, exact=True))
add("lossless.webp", saved(Image.fromarray(rgb), "WEBP", lossless=True), luma(rgb))
add("lossless_palette.webp", saved(Image.fromarray(small), "WEBP", lossless=True), small)
add("lossless_alpha.webp", saved(Image.fromarray(rgba), "WEBP", lossless=True, exact=True), luma(rgba))
exif = Image.Exif()
exif[0x010e] = "behind the pixels"
add("exif.webp", saved(Image.fromarray(smooth), "WEBP", exif=exif.tobytes()))

with open(os.path.join(OUT, "expected.txt"), "w") as f:
    f.write("# made by tests/golden/make_images.py: file, width, height, tolerance, grey pixels in hexadecimal\n")
    f.write("\n".join(expected) + "\n")

# ---- what microscopes write: layouts after tifffile, rosettasciio and Gwyddion --------------------

sem_lines = []


def sem(name, vendor, width, height, databar, data=None, sidecar=None):
    """width, height: the pixel's, in metres. sidecar: (file name, text)."""
    if data is not None:
        with open(os.path.join(OUT, name), "wb") as f:
            f.write(data)
    if sidecar:
        with open(os.path.join(OUT, sidecar[0]), "wb") as f:
            f.write(sidecar[1])
    sem_lines.append(f"{name} {vendor or '-'} {width!r} {height!r} {databar}")


sh, sw = 40, 24
specimen = rng.integers(0, 256, (sh, sw), dtype=np.uint8)


def tagged(number, kind, body, image=None):
    image = specimen if image is None else image
    tags = base(image.shape[0], image.shape[1], 8, 1)
    tags[number] = (kind, list(body))
    return tiff(tags, [image.tobytes()])


fei = "[User]\r\nDate=1/1/2026\r\n[Scan]\r\nPixelWidth=1.25e-009\r\nPixelHeight=1.5e-009\r\n[Image]\r\nResolutionX=24\r\nResolutionY=36\r\n[PrivateFei]\r\nDatabarHeight="
sem("sem_fei.tif", "FEI", 1.25e-9, 1.5e-9, 6, tagged(34682, 2, (fei + "6\r\n\0").encode()))
sem("sem_fei_empty.tif", "FEI", 1.25e-9, 1.5e-9, 4, tagged(34680, 2, (fei + "\r\n\0").encode()))
beam = "[IRBeam]\r\nHFW=4.8e-6\r\n[Image]\r\nResolutionX=24\r\nResolutionY=40\r\n"
sem("sem_fei_beam.tif", "FEI", 2e-7, 2e-7, 0, tagged(34682, 2, beam.encode() + b"\0"))
phenom = '<?xml version="1.0"?><FeiImage><pixelWidth unit="nm">12.5</pixelWidth><pixelHeight unit="um">0.0125</pixelHeight><databarHeight>5</databarHeight></FeiImage>'
sem("sem_phenom.tif", "Phenom", 12.5e-9, 12.5e-9, 5, tagged(34683, 2, phenom.encode() + b"\0"))
panelled = rng.integers(0, 256, (90, 32), dtype=np.uint8)
panelled[75:89] = 255
panelled[78:84, 4:20] = rng.choice(np.array([0, 255], np.uint8), (6, 16))  # lettering
zeiss = "0\r\n0\r\n0\r\n2e-09\r\n0\r\n\r\nDP_DETECTOR_TYPE\r\nDetector = InLens\r\n"
sem("sem_zeiss.tif", "Zeiss", 3.722e-9, 3.722e-9, 15,
    tagged(34118, 2, (zeiss + "AP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 3.722 nm\r\n").encode() + b"\0", panelled))
sem("sem_zeiss_old.tif", "Zeiss", 2e-9 * 1024 / 24, 2e-9 * 1024 / 24, 0, tagged(34118, 2, zeiss.encode() + b"\0"))
main = b"Device=MIRA\nPixelSizeX=5e-09\nPixelSizeY=6e-09\nImageStripSize=7\n"
records = b"".join(struct.pack("<IH", len(d) + 2, t) + d for t, d in ((1, b"jpeg?"), (2, main), (3, b"WD=0.01\n"), (0, b"")))
sem("sem_tescan.tif", "Tescan", 5e-9, 6e-9, 7, tagged(50431, 1, records))
sem("sem_tescan.png", "Tescan", 5e-9, 6e-9, 7, png(specimen, 0, 8), ("sem_tescan-png.hdr", b"[MAIN]\r\n" + main.replace(b"\n", b"\r\n")))
hitachi = b"[SemImageFile]\r\nInstructName=S-4800\r\nImageName=sem_hitachi.png\r\nDataSize=24x32\r\nPixelSize=9.5\r\n"
sem("sem_hitachi.png", "Hitachi", 9.5e-9, 9.5e-9, 8, png(specimen, 0, 8), ("sem_hitachi.txt", hitachi))
sem("sem_renamed.png", "", 0, 0, 0, png(specimen, 0, 8), ("sem_renamed.txt", hitachi))
jeol = b"$CM_FORMAT JEOL-SEM\r\n$CM_FULL_SIZE 24 34\r\n$$SM_MICRON_BAR 50\r\n$$SM_MICRON_MARKER 5um\r\n"
sem("sem_jeol.png", "JEOL", 1e-7, 1e-7, 6, png(specimen, 0, 8), ("sem_jeol.txt", jeol))
sem("sem_label.png", "", 0, 0, 0, png(specimen, 0, 8), ("sem_label.txt", b"3 0.5 0.5 0.2 0.2\n"))

with open(os.path.join(OUT, "sem.txt"), "w") as f:
    f.write("# made by tests/golden/make_images.py: file, vendor, width and height of a pixel in metres, rows of the info strip\n")
    f.write("\n".join(sem_lines) + "\n")

# ---- resampling -------------------------------------------------------------------------------

lines = []
picture = smooth.copy()
picture[5:9, 10:30] = rng.integers(0, 256, (4, 20))
h, w = picture.shape


def shrink(values, to, axis):
    """Exact area average: every pixel repeated `to` times, then groups of n."""
    n = values.shape[axis]
    many = np.repeat(values, to, axis)
    shape = list(many.shape)
    shape[axis:axis + 1] = [to, n]
    return many.reshape(shape).mean(axis + 1)


def grow(values, to, axis):
    moved = torch.from_numpy(np.moveaxis(values, axis, -1).copy())[None]
    return np.moveaxis(torch.nn.functional.interpolate(moved, to, mode="linear", align_corners=False)[0].numpy(), -1, axis)


for to_w, to_h in ((20, 12), (40, 24), (17, 11), (1, 1), (80, 48), (63, 31), (40, 50), (13, 24), (64, 5)):
    values = picture.astype(np.float64)
    values = shrink(values, to_w, 1) if to_w < w else grow(values, to_w, 1)
    values = shrink(values, to_h, 0) if to_h < h else grow(values, to_h, 0)
    lines.append(f"resize {to_w} {to_h} {np.floor(values + 0.5).astype(np.uint8).tobytes().hex()}")

with open(os.path.join(OUT, "resample.txt"), "w") as f:
    f.write("# made by tests/golden/make_images.py: the picture, then operations on it (tolerance 1)\n")
    f.write(f"picture {w} {h} {picture.tobytes().hex()}\n" + "\n".join(lines) + "\n")
