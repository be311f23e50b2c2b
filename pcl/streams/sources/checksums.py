"""The published checksums of raw files."""

# sha256 of published files by their path below the data folder. MNIST and its kin: as in tensorflow-datasets.
# Omniglot: the zips of its authors, and the same drawings packed again. Streams: what their publishers give,
# plain, because every compressor packs it differently. EMNIST publishes no checksum of these files.
KNOWN: dict[str, tuple[str, ...]] = {
    "mnist/train-images-idx3-ubyte.gz": ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",),
    "mnist/train-labels-idx1-ubyte.gz": ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",),
    "mnist/t10k-images-idx3-ubyte.gz": ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",),
    "mnist/t10k-labels-idx1-ubyte.gz": ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",),
    "fashion_mnist/train-images-idx3-ubyte.gz": ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",),
    "fashion_mnist/train-labels-idx1-ubyte.gz": ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",),
    "fashion_mnist/t10k-images-idx3-ubyte.gz": ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",),
    "fashion_mnist/t10k-labels-idx1-ubyte.gz": ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",),
    "kmnist/train-images-idx3-ubyte.gz": ("51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",),
    "kmnist/train-labels-idx1-ubyte.gz": ("e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",),
    "kmnist/t10k-images-idx3-ubyte.gz": ("edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",),
    "kmnist/t10k-labels-idx1-ubyte.gz": ("20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",),
    "omniglot/images_background.zip": (
        "ad41ab679c8b5d90b271ef46be6987cc81211774a695c29dcc5367b2b26ee640",
        "8d3b0087d462ff4fd7fcfdcec8b96ef87758cc2a0a09f8eb6cf90e4a909049e9",
    ),
    "omniglot/images_evaluation.zip": (
        "1f61a8f3366785b057fc117d9228e78a16e3d976c8953b2a10fcc74cf0609cee",
        "077e703a0f6c17a203123bad6dbd83461e7bdd4c89d4d1c0f10b0bd43c271916",
    ),
    "cifar10/train_images.zip": ("9b6e9473873f943169c0d4383f0d1837e4bb9ce6a1c7c8e0e269b072f0948ec6",),
    "cifar10/test_images.zip": ("4feb6f805bf2130f06651aa58a9d3d6d3cafa27fd7d261b025425fc0596413d0",),
    "cifar10/labels.npz": ("a9c403e48b91c36089a5de5b1a05b73ea179a0c9cd3e935a8f00644ea239e4dc",),
    "streams/elec.csv.gz": ("cdf901433885f29eca6911f70c0eeafb50d90596c879c30c5b99f5a2e8e734ff",),
    "streams/weather.csv.gz": ("3c38f05bdc5c4cb115f122414c66976e3662c875d96d7199d9e47fc46aff150e",),
    "streams/outdoorStream.data.gz": ("53f9d793056bf60f832ded0122a9f7286ea35e42fa019d2f4b2158bf6ef4ec1b",),
    "streams/outdoorStream.labels.gz": ("e2dceebd3ab87380f7d60c03d8838a07135ba661ba0d626ab519bd97d6244435",),
}
