"""Every bound of the client, named and explained.

What a peer can make this process hold is the product of these numbers.
"""

#: Longest body of a frame to the broker, in bytes: the broker's own default.
MAX_FRAME_BYTES = 16 * 1024 * 1024

#: Longest client name, in bytes of UTF-8: what fits the length field of the registration.
MAX_NAME_BYTES = 0xFFFF

#: Longest body of a frame from the broker, in bytes: the sender's name and a NUL come on top of
#: what was sent.
MAX_DELIVERY_BYTES = MAX_FRAME_BYTES + MAX_NAME_BYTES + 1

#: Operations that may wait for their confirmation at a time, and calls for their reply.
MAX_PENDING = 8192

#: Received frames that wait for the application, unless configured.
QUEUE_FRAMES = 512

#: Payload bytes of received frames that wait for the application. A frame larger than this is
#: accepted if nothing else waits, so the true bound is this number or one frame of the largest
#: size.
QUEUE_BYTES = 1024 * 1024

#: Calls that are handled at a time, unless configured.
WORKERS = 16

#: What one read from a socket takes in at most, in bytes.
READ_BYTES = 64 * 1024

#: A TCP peer that acknowledges nothing for so long is gone, in milliseconds. (The system's own
#: patience is a quarter of an hour.)
TCP_USER_TIMEOUT_MS = 15_000

#: Frames that one client of asyncio sends before other tasks get their turn, so that a task which
#: only sends does not keep everything else from running.
BURST_FRAMES = 64
