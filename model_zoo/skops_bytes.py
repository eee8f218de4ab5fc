"""scikit-learn objects as bytes: the skops format made canonical, so that equal objects have equal bytes.

skops names files and objects by memory address and stamps every entry with the clock, so the same model never gives
the same bytes twice and a store by content would keep it twice. ``dump_object`` rewrites the archive:

- object ids are dropped: skops writes every occurrence in full, so an id only tells a loader that two were one object;
- files are named by their content, dated 1980 and sorted; sets are sorted; padding inside structured arrays is zeroed;
- attributes that hold a memory address are dropped (``PROCESS_ATTRIBUTES``).

Two things follow. Objects shared inside the dumped one come back as equal copies. And a ``RandomState`` is stored with
its state, so give estimators a whole number as ``random_state``: a generator that was used is another object.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from model_zoo.archives import check_archive

PROCESS_ATTRIBUTES = frozenset({"_stop_words_id"})
"""Attributes that mean something in one process only. CountVectorizer keeps the address of its stop words; without
it, a vectorizer checks them again."""


def dump_object(obj: Any) -> bytes:
    """Return an object in skops' format, canonical and compressed.

    Equal objects give equal bytes in any process with the same versions of scikit-learn, skops and zlib. Raises
    skops' UnsupportedTypeException or TypeError for objects that skops cannot store.
    """
    import skops.io

    with ZipFile(io.BytesIO(skops.io.dumps(obj, compression=ZIP_STORED))) as archive:
        stored = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(stored.pop("schema.json"))
    contents = {name: _zero_padding(content) for name, content in stored.items()}
    names = {name: _name_by_content(name, content) for name, content in contents.items()}
    files = {names[name]: content for name, content in contents.items()}
    files["schema.json"] = json.dumps(_canonicalise(schema, names), separators=(",", ":")).encode()
    return _pack(files)


def load_object(stored: bytes, trusted: Sequence[str]) -> Any:
    """Return the object that ``dump_object`` stored.

    ``trusted`` names the types it may hold beyond those skops trusts by default. It must be a constant that a person
    audited, never what a file says it needs. Raises skops' UntrustedTypesFoundException for any other type, before
    anything is constructed, and ValueError for what is no archive or far too large.
    """
    import skops.io

    check_archive(stored)
    return skops.io.loads(stored, trusted=list(trusted))


def _canonicalise(node: Any, names: Mapping[str, str]) -> Any:
    """Return a node of skops' schema without ids and addresses, its files renamed."""
    if isinstance(node, list):
        return [_canonicalise(child, names) for child in node]
    if not isinstance(node, dict):
        return node
    is_node = "__loader__" in node
    canonical = {key: _canonicalise(child, names) for key, child in node.items() if not (is_node and key == "__id__")}
    if not is_node:
        return canonical
    if "file" in node:
        canonical["file"] = names[node["file"]]
    if node["__loader__"] == "SetNode":
        canonical["content"].sort(key=json.dumps)
    if node["__loader__"] == "ObjectNode" and isinstance(canonical["content"].get("content"), dict):
        _drop_process_attributes(canonical["content"])
    return canonical


def _drop_process_attributes(attributes: dict[str, Any]) -> None:
    """Remove the attributes from a canonical dictionary node, which lists the types of its keys in the same order."""
    keys = list(attributes["content"])
    for position in reversed(range(len(keys))):
        if keys[position] in PROCESS_ATTRIBUTES:
            del attributes["content"][keys[position]]
            del attributes["key_types"]["content"][position]


def _name_by_content(name: str, content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()[:32]}.{name.rpartition('.')[2]}"


def _zero_padding(content: bytes) -> bytes:
    """Return a stored array with the unused bytes between its fields set to 0; other files as they are.

    The nodes of a tree are such an array, and what lies between their fields is whatever the memory held before.
    """
    if not content.startswith(b"\x93NUMPY"):
        return content
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    clean = np.zeros(array.shape, dtype=array.dtype)
    for field in array.dtype.names:
        clean[field] = array[field]
    buffer = io.BytesIO()
    np.save(buffer, clean, allow_pickle=False)
    return buffer.getvalue()


def _pack(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            entry = ZipInfo(name)  # dated 1980-01-01
            entry.create_system = 3  # the same on every operating system
            archive.writestr(entry, files[name], compress_type=ZIP_DEFLATED, compresslevel=6)
    return buffer.getvalue()
