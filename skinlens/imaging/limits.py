"""Every limit on what is opened: the only place for them in code; docs/limits.md explains them.

The sizes and counts are read from a file's own headers before anything is decoded. Time and memory are held by the
process that decodes (see `workers`), whatever the headers say.
"""

# One image. Processor time where the system counts it, so that a busy computer rejects no more than an idle one, and
# time on the clock everywhere.
SECONDS = 20
CLOCK_SECONDS = 60.0
MEMORY_BYTES = 2 * 2**30
MIN_SHORT_SIDE = 64
# Telephones have sensors of 108 megapixels.
MAX_PIXELS = 120_000_000
# 100 megapixels in 16-bit RGB.
MAX_DECODED_BYTES = 600_000_000
# Megabytes of a file that is dropped on a page; the server's own setting and SECURITY.md say the same. An uncompressed
# image of 24 megapixels has 72 MB, in 16 bits 144 MB.
UPLOAD_MEGABYTES = 200
# A JPEG whose end is missing is opened with a note up to this share of its rows, and rejected beyond it.
MAX_MISSING_SHARE = 0.1

# What decoders walk through one by one, often slowly. No camera and no export comes near these.
MAX_JPEG_SEGMENTS = 1_000
MAX_JPEG_SCANS = 100
MAX_JPEG_PADDING = 65_536
MAX_PNG_CHUNKS = 200_000
MAX_TIFF_PAGES = 10_000
MAX_TILE_SIDE = 4_096
MAX_DICOM_ITEMS = 100_000

# Processes that decode, for one program; each is started when it is first needed.
MAX_WORKERS = 4
# Seconds for one to start, with a slow disk in mind; without an answer by then, images are decoded without a budget.
START_SECONDS = 60.0
