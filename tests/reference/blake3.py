"""BLAKE3 of inputs of at most one chunk (1024 bytes), as its paper has it: for draws."""

import struct

IV = (
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
)
SHUFFLE = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
START, END, ROOT, KEYED, CONTEXT, MATERIAL = 1, 2, 8, 16, 32, 64
MASK = 0xFFFFFFFF


def _turn(it, by):
    return ((it >> by) | (it << (32 - by))) & MASK


def _mix(state, a, b, c, d, x, y):
    state[a] = (state[a] + state[b] + x) & MASK
    state[d] = _turn(state[d] ^ state[a], 16)
    state[c] = (state[c] + state[d]) & MASK
    state[b] = _turn(state[b] ^ state[c], 12)
    state[a] = (state[a] + state[b] + y) & MASK
    state[d] = _turn(state[d] ^ state[a], 8)
    state[c] = (state[c] + state[d]) & MASK
    state[b] = _turn(state[b] ^ state[c], 7)


COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def _compress(chain, block, length, flags):
    state = list(chain) + list(IV[:4]) + [0, 0, length, flags]
    words = list(struct.unpack("<16I", block))
    for turn in range(7):
        for at, place in enumerate(COLUMNS + DIAGONALS):
            _mix(state, *place, words[2 * at], words[2 * at + 1])
        if turn < 6:
            words = [words[it] for it in SHUFFLE]
    low = [state[at] ^ state[at + 8] for at in range(8)]
    high = [state[at + 8] ^ chain[at] for at in range(8)]
    return low + high


def _hash(key, data, flags):
    if 1024 < len(data):
        raise ValueError("only inputs of one chunk are hashed here")
    chain = list(key)
    blocks = [data[at : at + 64] for at in range(0, len(data), 64)] or [b""]
    for at, block in enumerate(blocks):
        own = flags | (START if at == 0 else 0)
        if at == len(blocks) - 1:
            own |= END | ROOT
        out = _compress(chain, block.ljust(64, b"\0"), len(block), own)
        chain = out[:8]
    return struct.pack("<8I", *chain)


def _words(key):
    return struct.unpack("<8I", key)


def plain(data):
    """The hash of some bytes."""
    return _hash(IV, data, 0)


def keyed(key, data):
    """The hash under a key of 32 bytes."""
    return _hash(_words(key), data, KEYED)


def derive_key(context, material):
    """A key for one purpose."""
    inner = _hash(IV, context.encode(), CONTEXT)
    return _hash(_words(inner), material, MATERIAL)
