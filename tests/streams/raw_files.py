"""Tiny raw files in every format that sources are read from, written as their publishers write them."""

import gzip
import io
import json
import struct
import zipfile

import numpy as np
from PIL import Image


def idx(array):
    """A gzipped IDX file of uint8."""
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


def png(image, mode="L"):
    """A PNG or, for mode WEBP, a lossless WebP file."""
    file = io.BytesIO()
    picture = Image.fromarray(image)
    if mode == "WEBP":
        picture.save(file, "WEBP", lossless=True, exact=True, method=0)
    else:
        picture.convert(mode).save(file, "PNG")
    return file.getvalue()


def zipped(members):
    """A zip file of named contents."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def mnist_like(folder, num_classes=10, train="train", test="t10k", seed=0, each=3):
    """Four IDX files of random images, `each` training images a class; returns what they hold."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = []
    for split, times in ((train, each), (test, 1)):
        y = rng.permutation(np.repeat(np.arange(num_classes), times))
        x = rng.integers(0, 256, (len(y), 28, 28), dtype=np.uint8)
        (folder / f"{split}-images-idx3-ubyte.gz").write_bytes(idx(x))
        (folder / f"{split}-labels-idx1-ubyte.gz").write_bytes(idx(y))
        arrays += [x, y]
    return arrays


def sheet(tiles):
    """1000 tiles [1000, 32, 32, 3] as one lossless WebP sheet of 25 rows of 40."""
    return png(tiles.reshape(25, 40, 32, 32, 3).swapaxes(1, 2).reshape(800, 1280, 3), "WEBP")


def array_record(folder, shape, num_classes, splits, encode=png):
    """A folder as tensorflow-datasets leaves it: images and labels of each split as array records."""
    from array_record.python.array_record_module import ArrayRecordWriter
    from tensorflow_datasets.proto import tf_example_pb2

    folder.mkdir(parents=True)
    name = folder.parent.name
    shards = []
    for split, (x, y) in splits.items():
        writer = ArrayRecordWriter(str(folder / f"{name}-{split}.array_record-00000-of-00001"), "group_size:1")
        for image, label in zip(x, y, strict=True):
            example = tf_example_pb2.Example()
            example.features.feature["image"].bytes_list.value.append(encode(image))
            example.features.feature["label"].int64_list.value.append(int(label))
            writer.write(example.SerializeToString())
        writer.close()
        template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
        shards.append({"filepathTemplate": template, "name": split, "shardLengths": [str(len(y))]})
    about = {"fileFormat": "array_record", "name": name, "splits": shards, "version": folder.name}
    (folder / "dataset_info.json").write_text(json.dumps(about))
    kind = "tensorflow_datasets.core.features"
    image = {"dtype": "uint8", "shape": {"dimensions": [str(n) for n in shape]}}
    label = {"numClasses": str(num_classes)}
    features = {
        "image": {"pythonClassName": f"{kind}.image_feature.Image", "image": image},
        "label": {"pythonClassName": f"{kind}.class_label_feature.ClassLabel", "classLabel": label},
    }
    everything = {"pythonClassName": f"{kind}.features_dict.FeaturesDict", "featuresDict": {"features": features}}
    (folder / "features.json").write_text(json.dumps(everything))
