"""Download data sets and prepare them, once, on a machine with a network.

pip install -e '.[prepare]'
python -m scripts.prepare_data mnist omniglot
python -m scripts.prepare_data electricity weather --data_dir=data

Images are prepared by tensorflow-datasets below its own folder (~/tensorflow_datasets, or TFDS_DATA_DIR) as
array records, which need no TensorFlow to read. Streams are downloaded to the folder of raw files. Downloads are
kept and checked against published checksums. A file that cannot be downloaded from here may be put into
`downloads/<name>/manual/` of that folder.
"""

import gzip
import importlib.util
import urllib.request
from pathlib import Path

from absl import flags
from tqdm import tqdm

from pcl import outside
from pcl.command import folder_flag, launch
from pcl.commands import called
from pcl.errors import UsageError, unknown
from pcl.folders import write_whole
from pcl.streams.sources import SOURCES, files, prepared

FLAGS = flags.FLAGS
outside.import_flag()
folder_flag("data_dir", None, "Folder to download streams to (default: the environment's PCL_DATA_DIR).")

ARGUMENTS = f"data sets, as: {called('prepare')} mnist"
PIECE = 2**16  # bytes read at a time
TIMEOUT = 60  # seconds without a byte


def main(*names: str) -> None:
    """Prepare the data sets called `names` and print where each lies."""
    outside.bring(outside.given())
    data_sets = {name: entry for name, entry in SOURCES.items() if not entry.embedded}
    for name in names:
        if name not in data_sets:
            raise unknown("data set", name, data_sets)
    for name in names:
        prepared_as = data_sets[name].tfds_name
        where = prepare(name, prepared_as) if prepared_as else download(name)
        print(f"{name}: {where}")


def prepare(name: str, tfds_name: str) -> Path:
    """The folder of a data set that tensorflow-datasets has downloaded, verified and prepared.

    Each data set has its own folder of extracted files: tensorflow-datasets names them after the archive alone,
    and MNIST, Fashion-MNIST and KMNIST call their archives by the same names, so that one would silently be
    made from the files of another.

    Raises:
      UsageError: it was prepared in another format, TensorFlow is missing, a download fails or has another
        checksum, or the disk is full.
    """
    if found := prepared.find(tfds_name):
        prepared.opened(found)
        return found
    if importlib.util.find_spec("tensorflow") is None:
        raise UsageError(f"preparing {name} needs TensorFlow; install it with: pip install -e '.[prepare]'")
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
    from tensorflow_datasets.core.download.extractor import ExtractError

    builder = tfds.builder(tfds_name, data_dir=prepared.root(), file_format=prepared.FILE_FORMAT)
    downloads = prepared.root() / "downloads" / name
    config = tfds.download.DownloadConfig(
        extract_dir=downloads / "extracted", force_checksums_validation=True, try_download_gcs=False
    )
    try:
        builder.download_and_prepare(download_dir=downloads, download_config=config)
    except (OSError, ExtractError, NonMatchingChecksumError, tfds.download.DownloadError) as error:
        raise UsageError(f"{name} could not be prepared: {error}") from None
    return Path(builder.data_path)


def download(name: str) -> Path:
    """The folder that holds the files of a stream, downloaded from their publisher where they are missing.

    Raises:
      UsageError: no folder was named, or a download fails or has another checksum.
    """
    files.use_data_dir(FLAGS.data_dir)
    folder = files.data_dir()
    if folder is None:
        raise UsageError(
            f"{name} is downloaded to the folder of raw files; name it with --data_dir or {files.VARIABLE}"
        )
    entry = SOURCES[name]
    for file in entry.files:
        path = folder / file
        if not path.is_file():
            fetch(f"{entry.publisher}{path.name.removesuffix('.gz')}", path)
    return (folder / next(iter(entry.files))).parent


def fetch(address: str, path: Path) -> None:
    """Download a plain file, verify it, and write it packed, under a temporary name until it is whole.

    Raises:
      UsageError: the download fails or has another checksum, or the file cannot be written.
    """
    content = bytearray()
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as response:
            total = int(response.headers.get("Content-Length", 0)) or None
            with tqdm(total=total, desc=path.name, unit="B", unit_scale=True) as progress:
                while piece := response.read(PIECE):
                    content += piece
                    progress.update(len(piece))
    except OSError as error:
        raise UsageError(f"{path} could not be downloaded from {address}: {error}") from None
    write_whole(path, gzip.compress(files.verified(bytes(content), path)))


if __name__ == "__main__":
    launch(main, ARGUMENTS)
