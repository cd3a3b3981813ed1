// The memory map and the numbers that both sides of the WASM boundary agree on.
// Compiled by asc into the module and by tsc into the wrapper (src/codec/), so the two cannot drift.
//
//   address    what
//   0          reserved for static data
//   1,024      state block, 9 words
//   2,048      record table, 4,096 records of 12 bytes
//   51,200     headroom, 256 bytes
//   51,456     input arena, 256 KiB, and 64 bytes of slack
//   313,664    scratch, 64 KiB
//   393,216    output arena, 12 slots of 128 KiB
//   1,966,080  free, to the end of the memory at 2,097,152
//
// Every address below is a byte offset into the one memory of the module, which never grows.

/** Bytes of one WebAssembly page. */
export const PAGE_BYTES = 65536;
/** Size of the module's memory, initial and maximum alike, in pages. Kept equal to asconfig.json by a test. */
export const MEMORY_PAGES = 32;

// State block: the state of a connection before and after `decode`, as 32-bit words at STATE.

/** Address of the state block. */
export const STATE = 1024;
/** Rules of this connection: the CONFIG_ bits. */
export const STATE_CONFIG = 0;
/** First header byte of the data frame whose payload is unfinished, plus 0x100; 0 when the next byte starts a header. */
export const STATE_FRAME = 1;
/** Payload bytes still missing of that frame, low and high half. */
export const STATE_REMAINING_LOW = 2;
export const STATE_REMAINING_HIGH = 3;
/** Masking key of that frame, rotated so that its low byte masks the next payload byte. */
export const STATE_KEY = 4;
/** First header byte (opcode and RSV1) of the fragmented message in progress; 0 when there is none. */
export const STATE_MESSAGE = 5;
/** UTF-8 validator state at the end of the bytes seen so far; 0 between code points. */
export const STATE_UTF8 = 6;
/** Result: bytes of the chunk that were used. The rest is an unfinished header or control frame, or waits for table space. */
export const STATE_CONSUMED = 7;
/** Result: one of the STATUS_ numbers. */
export const STATE_STATUS = 8;
/** Words in the state block. */
export const STATE_WORDS = 9;

/** The peer is a client: every frame must be masked (RFC 6455 section 5.1). Without it, none may be. */
export const CONFIG_EXPECT_MASK = 1;
/** RSV1 is allowed on the first frame of a data message: permessage-deflate is in use (RFC 7692 section 6). */
export const CONFIG_ALLOW_RSV1 = 2;
/** Text is passed on unchecked. */
export const CONFIG_SKIP_UTF8 = 4;

// Record table: one record a complete control frame and one a (piece of a) data frame, in order of arrival.

export const RECORDS = 2048;
/** 32-bit words in a record. */
export const RECORD_WORDS = 3;
/** Bytes in a record. */
export const RECORD_BYTES = 12;
/** Records in the table. When it is full `decode` returns early, and is called again for the rest. */
export const RECORD_CAPACITY = 4096;

/** Opcode (low four bits) and the RECORD_ flags. */
export const RECORD_FLAGS = 0;
/** Address of the unmasked payload (or piece of one). */
export const RECORD_ADDRESS = 1;
/** Its length in bytes. */
export const RECORD_LENGTH = 2;

/** The low four bits of the flags: the opcode as it stood on the wire, so 0 for a continuation. */
export const RECORD_OPCODE = 0x0f;
/** The frame has RSV1 set. */
export const RECORD_RSV1 = 0x40;
/** The frame has FIN set. */
export const RECORD_FIN = 0x80;
/** The record holds the first byte of its frame's payload. */
export const RECORD_FRAME_START = 0x100;
/** The record holds the last byte of its frame's payload. */
export const RECORD_FRAME_END = 0x200;
/** Every byte of this record is below 0x80. Only given for text that was checked. */
export const RECORD_ASCII = 0x400;

// Arenas.

/** Room before the input arena for an unfinished header or control frame: at most 14 + 125 bytes. */
export const HEADROOM = 256;
/** Where a chunk is placed. Sockets may read straight into it. */
export const INPUT = 51456;
/** Bytes of the input arena, and so of the longest read: a 1 MiB message takes four at least. */
export const INPUT_BYTES = 262144;
/** Bytes past the input arena that are kept free, so that the last header may be loaded with one wide load. */
export const SLACK = 64;
/** Working area of the mask and UTF-8 helpers for bytes that live in JavaScript's heap. */
export const SCRATCH = 313664;
export const SCRATCH_BYTES = 65536;
/** Output arena: slots in which the frames of one turn are laid out, one connection a slot. */
export const OUTPUT = 393216;
export const OUTPUT_SLOT_BYTES = 131072;
export const OUTPUT_SLOTS = 12;

// Status numbers, in the order in which a frame is examined.

export const STATUS_OK = 0;
/** The record table is full: deliver it and call again with the rest. */
export const STATUS_MORE = 1;
export const STATUS_RSV2_OR_RSV3 = 2;
export const STATUS_UNEXPECTED_RSV1 = 3;
/** Opcode 0x3–0x7 or 0xB–0xF. */
export const STATUS_RESERVED_OPCODE = 4;
/** A continuation frame with nothing to continue. */
export const STATUS_UNEXPECTED_CONTINUATION = 5;
/** A new text or binary frame inside a fragmented message. */
export const STATUS_EXPECTED_CONTINUATION = 6;
/** A control frame without FIN. */
export const STATUS_FRAGMENTED_CONTROL = 7;
export const STATUS_MASK_MISSING = 8;
export const STATUS_MASK_FORBIDDEN = 9;
/** A control frame with a payload of more than 125 bytes. */
export const STATUS_CONTROL_TOO_LONG = 10;
/** A length that was not given in the shortest form, or that has its most significant bit set. */
export const STATUS_LENGTH_FORM = 11;
/** A length above 2^53 - 1. */
export const STATUS_LENGTH_UNSAFE = 12;
export const STATUS_INVALID_UTF8 = 13;
