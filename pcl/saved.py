"""Learners in files: a saved learner predicts, and continues learning exactly where it stopped.

    pcl.save(learner, state, hp, "life.npz")
    learner, state, hp = pcl.load("life.npz")

A file is a zip archive of

    about.json       {"schema": 1, "pcl": version, "learner": name, "spec": {...}, "settings": {...}, "types": {...},
                     "notes": {...}}: everything needed to make the learner again; `types` names the types of arrays
                     that npy has no name for (keys of random numbers, bfloat16)
    state<path>.npy  one array for each leaf of the state, as in state.network[0].w.npy

so that `numpy.load` opens it too. Reading executes nothing: there is no pickle in it, the functions of the learner are
those of the registry, and the structure of the state is that which its `init` has.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import pcl
from pcl import learners
from pcl.errors import UsageError, shown, unknown
from pcl.fields import check_all, identity, replace, with_numbers
from pcl.folders import write_whole
from pcl.learners import Made
from pcl.types import HParams, Learner, Spec, State

SCHEMA = 1
ABOUT = "about.json"
KEY = "key:"  # before the name of the generator that an array of keys belongs to


class Saved(NamedTuple):
    """A loaded learner: its functions, its state, and its settings."""

    learner: Made
    state: State
    hp: HParams


def save(learner: Learner, state: State, hp: HParams, path: str | Path) -> None:
    """Write a learner of `pcl.learners.make`, its state and its settings to one file, completely or not at all.

    Raises:
      UsageError: the state or the settings are not this learner's, or the file cannot be written.
    """
    write_whole(Path(path), packed(learner, state, hp))


def load(path: str | Path) -> Saved:
    """The learner, state and settings in a file that `save` wrote; the state is bit for bit the one that was saved.

    Raises:
      UsageError: the file does not exist, is damaged, or does not fit this version of pcl.
    """
    return unpacked(read(path), str(path))[0]


def read(path: str | Path) -> bytes:
    """The bytes of a file.

    Raises:
      UsageError: it does not exist or may not be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): name a file that pcl.save wrote") from error


def packed(learner: Learner, state: State, hp: HParams, notes: Mapping[str, Any] | None = None) -> bytes:
    """The content of a file, equal for equal states. `notes` are stored as JSON.

    Raises:
      UsageError: the learner does not come from `pcl.learners.make`, or the state or the settings are not its own.
    """
    if not isinstance(learner, Made):
        raise UsageError(
            "this learner has no name by which it could be loaded: save the one that pcl.learners.make returned"
        )
    hp = with_numbers(check_all(hp, learners.REGISTRY[learner.name].hparams))
    _require_like(_by_path(state), _by_path(_structure(learner, hp)), f"state of {learner.name}")
    about = {
        "pcl": pcl.__version__,
        "learner": learner.name,
        "spec": learner.spec._asdict(),
        "settings": identity(hp),
        "notes": notes or {},
    }
    return archived(about, state)


def archived(about: Mapping[str, Any], tree: Any) -> bytes:
    """The content of a file with the description `about` and the arrays of `tree`."""
    plain = {path: _plain(leaf) for path, leaf in _by_path(tree).items()}
    types = {path: kind for path, (_, kind) in plain.items() if kind}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        _add(archive, ABOUT, json.dumps({"schema": SCHEMA, **about, "types": types}, indent=1).encode())
        for path, (array, _) in plain.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            _add(archive, f"state{path}.npy", member.getvalue())
    return file.getvalue()


def opened(content: bytes, name: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The description in a file, and its arrays as bytes; `name` is used in messages.

    Raises:
      UsageError: the content is damaged, or has another schema.
    """
    members = _members(content, name)
    return _about(members.pop(ABOUT), name), members


def restored(about: Mapping[str, Any], members: Mapping[str, bytes], structure: Any) -> Any:
    """The tree of arrays in a file, which must have the given structure.

    Raises:
      UsageError: it has another structure.
    """
    wanted = _by_path(structure)
    paths = [member[len("state") : -len(".npy")] for member in members]
    _require_names(set(paths), set(wanted), "the state")
    leaves = {path: _typed(members[f"state{path}.npy"], about["types"].get(path, "")) for path in wanted}
    _require_like(leaves, wanted, "the state")
    return jax.tree.unflatten(jax.tree.structure(structure), map(jnp.asarray, leaves.values()))


def unpacked(content: bytes, name: str) -> tuple[Saved, dict[str, Any]]:
    """The learner and the notes in the content of a file by `packed`; `name` is used in messages.

    Raises:
      UsageError: the content is damaged, or does not fit this version of pcl.
    """
    about, members = opened(content, name)
    try:
        if about["learner"] not in learners.REGISTRY:
            why = unknown("learner", about["learner"], learners.REGISTRY)
            raise UsageError(f"{why}; register a learner of your own first: pcl.learners.register(module)")
        learner, hp = learners.make(about["learner"], _spec(about["spec"]))
        hp = replace(hp, about["settings"])
        if identity(hp) != about["settings"]:
            missing = sorted(identity(hp).keys() - about["settings"].keys())
            raise UsageError(f"settings of {learner.name} are missing: {', '.join(missing)}")
        return Saved(learner, restored(about, members, _structure(learner, hp)), hp), about["notes"]
    except UsageError as error:
        raise UsageError(f"{name} does not fit pcl {pcl.__version__} ({_by(about)}): {error}") from error
    except Exception as error:  # unverified bytes may raise any error of a decoder
        raise UsageError(f"{name} is no saved learner ({shown(error) or type(error).__name__})") from error


def _members(content: bytes, name: str) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {member: archive.read(member) for member in archive.namelist()}
    except Exception as error:  # as above
        raise UsageError(f"{name} is damaged, or no saved learner ({shown(error)})") from error
    if ABOUT not in members:
        raise UsageError(f"{name} is no saved learner: it has no {ABOUT}")
    return members


def _about(text: bytes, name: str) -> dict[str, Any]:
    try:
        about = json.loads(text)
        schema = about["schema"]
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise UsageError(f"{name} is no saved learner: its {ABOUT} has another form") from error
    if schema != SCHEMA:
        raise UsageError(f"{name} has schema {shown(schema)}, {_by(about)}; pcl {pcl.__version__} reads {SCHEMA}")
    return about


def _by(about: Mapping[str, Any]) -> str:
    return f"saved by pcl {shown(about.get('pcl', 'of no version'))}"


def _spec(stored: Mapping[str, Any]) -> Spec:
    spec = Spec(tuple(stored["input_shape"]), stored["num_labels"], stored["num_targets"])
    if not all(type(number) is int for number in (*spec.input_shape, *spec[1:])):
        raise UsageError(f"spec={shown(stored)}: expected whole numbers")
    return spec


def _structure(learner: Learner, hp: HParams) -> Any:
    """Shape and type of each leaf of the state; computes nothing."""
    with jax.enable_x64(False):
        return jax.eval_shape(lambda: learner.init(jax.random.key(0, impl="threefry2x32"), hp))


def _by_path(tree: Any) -> dict[str, Any]:
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _require_names(given: set[str], wanted: set[str], where: str) -> None:
    for said, names in (("lacks", wanted - given), ("has beside what it should", given - wanted)):
        if names:
            some = ", ".join(sorted(names)[:3])
            raise UsageError(f"{where} {said} {shown(some)}{' …' if len(names) > 3 else ''}")


def _require_like(leaves: Mapping[str, Any], wanted: Mapping[str, Any], where: str) -> None:
    _require_names(set(leaves), set(wanted), where)
    for path, leaf in leaves.items():
        if leaf.shape != wanted[path].shape or leaf.dtype != wanted[path].dtype:
            what, right = (f"{array.dtype}{list(array.shape)}" for array in (leaf, wanted[path]))
            raise UsageError(f"{where} has {what} at {path or 'its root'}; expected {right}")


def _plain(leaf: Any) -> tuple[np.ndarray, str]:
    """An array that npy can hold, and the name of its type where npy has none."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return np.asarray(jax.random.key_data(leaf)), f"{KEY}{jax.random.key_impl(leaf)}"
    array = np.asarray(leaf)
    if array.dtype.kind == "V":  # bfloat16 and its like
        return array.view(f"u{array.itemsize}"), array.dtype.name
    return array, ""


def _typed(member: bytes, kind: str) -> Any:
    """The array behind the result of `_plain`, with its own type."""
    array = np.lib.format.read_array(io.BytesIO(member), allow_pickle=False)
    if kind.startswith(KEY):
        return jax.random.wrap_key_data(jnp.asarray(array), impl=kind.removeprefix(KEY))
    return array.view(jnp.dtype(kind)) if kind else array


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, compresslevel=1)
