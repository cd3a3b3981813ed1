// The memory map of the DEFLATE module and the numbers that both sides of its boundary agree on.
// Compiled by asc into the module and by tsc into the wrapper (src/deflate/), so the two cannot drift.
//
//   address    bytes     what
//   0          2,048     static data, from 1,024 on
//   2,048      64        state block of the inflater, 16 words
//   2,112      352       code lengths of the inflater's block, from which its tables can be built again
//   2,496      3,456     tables of the inflater for the fixed code, and entries of all symbols in its tables
//   24,000     16,448    input of the inflater, and slack
//   40,448     328,192   output of the inflater behind up to 32 KiB of history, and slack
//   368,640    6,400     symbols, counts, code lengths and codes of the deflater
//   375,040    65,536    tokens of the block at hand
//   440,576    212,992   output of the deflater
//   653,568    256       state of the contexts of the deflater that are not at hand
//   653,824    2,625,536 eight contexts of the deflater: each has hashes and chains, history and data, and slack
//   3,279,360  4,352     work space of both builders of Huffman codes
//   3,283,712  31,104    tables of the inflater for the codes of its block
//
// Every address below is a byte offset into the one memory of the module, which never grows.

/** Bytes of one WebAssembly page. */
export const PAGE_BYTES = 65536;
/** Size of the module's memory, initial and maximum alike, in pages. Kept equal to asconfig.json by a test. */
export const DEFLATE_PAGES = 51;

/** The largest window of RFC 1951. */
export const WINDOW_BYTES = 32768;

// The inflater.

/** Address of its state block: the words below. A suspended message is this block, {@link CODE_LENGTHS} and its history. */
export const INFLATE_STATE = 2048;
/** Words of the state block. */
export const INFLATE_STATE_WORDS = 16;
/** Where the next step of the inflater goes on: one of the MODE_ numbers of inflate.ts; 0 between two blocks. */
export const INFLATE_MODE = 0;
/** The mode before the lengths of a stored block. */
export const INFLATE_MODE_STORED_LENGTH = 1;
/** Whether the block at hand is the last of its stream (BFINAL). */
export const INFLATE_FINAL = 1;
/** Bits that were read and not used: how many, and the bits, low and high half. */
export const INFLATE_BIT_COUNT = 2;
export const INFLATE_BITS_LOW = 3;
export const INFLATE_BITS_HIGH = 4;
/** Bytes that a stored block still lacks, or that a match has still to copy. */
export const INFLATE_REMAINING = 5;
/** Distance of the match that is being copied. */
export const INFLATE_DISTANCE = 6;
/** Counts of a dynamic block's header (HLIT, HDIST, HCLEN) and how many lengths have been read. */
export const INFLATE_LITERALS = 7;
export const INFLATE_DISTANCES = 8;
export const INFLATE_CODES = 9;
export const INFLATE_INDEX = 10;
/** Address of the next input byte, and of the end of the input. */
export const INFLATE_INPUT = 11;
export const INFLATE_INPUT_END = 12;
/** Address of the next output byte, where the output has to stop, and of the oldest byte that a distance may reach. */
export const INFLATE_OUTPUT = 13;
export const INFLATE_OUTPUT_END = 14;
export const INFLATE_HISTORY = 15;

export const CODE_LENGTHS = 2112;
/** With {@link LENGTHS} behind them: 32 and 320 bytes. */
export const CODE_LENGTHS_BYTES = 352;
/** Code lengths of both alphabets, one byte a symbol; those of the code-length code stand before them. */
export const LENGTHS = 2144;

/** The tables of the fixed code (RFC 1951 section 3.2.6), which never change: 512 and 32 entries of 4 bytes. */
export const FIXED_LITERAL_TABLE = 2496;
export const FIXED_DISTANCE_TABLE = 4544;
/** Entries of the symbols in all tables, but for the bits of their codes: 288 of literals/lengths, 32 of distances. */
export const LITERAL_ENTRIES = 4672;
export const DISTANCE_ENTRIES = 5824;
/** Work space of a Huffman code that is being built. */
export const HUFFMAN_WORK = 3279360;
export const HUFFMAN_WORK_BYTES = 4352;
/**
 * Up to 1,024 entries for the first bits of a code, and a second table of up to 32 for each prefix of longer codes: at most 143, since
 * each has two symbols at least.
 */
export const LITERAL_TABLE = 3283712;
/** Up to 256 entries, and second tables of up to 128 for at most 15 prefixes. */
export const DISTANCE_TABLE = 3306112;
export const DISTANCE_TABLE_BYTES = 8704;

export const INFLATE_IN = 24000;
export const INFLATE_IN_BYTES = 16384;
/** Bytes behind the input that may be read, and never count. */
export const INFLATE_IN_SLACK = 64;

/** History and output lie back to back here: history at most {@link WINDOW_BYTES}, then output. */
export const INFLATE_OUT = 40448;
export const INFLATE_OUT_BYTES = 327680;
/** Bytes behind the output that a copy may overwrite. */
export const INFLATE_OUT_SLACK = 512;

// Results of `inflate`.

/** All input is used, and the stream goes on. */
export const INFLATE_NEEDS_INPUT = 0;
/** The output has reached its end. */
export const INFLATE_OUTPUT_FULL = 1;
/** A block with BFINAL has ended; input may be left. */
export const INFLATE_STREAM_END = 2;
/** From here on: the input is no DEFLATE stream (RFC 1951). */
export const INFLATE_FAILED = 16;
export const INFLATE_BAD_BLOCK_TYPE = 16;
export const INFLATE_BAD_STORED_LENGTH = 17;
export const INFLATE_TOO_MANY_SYMBOLS = 18;
export const INFLATE_BAD_CODE_LENGTHS = 19;
export const INFLATE_BAD_REPEAT = 20;
export const INFLATE_NO_END_OF_BLOCK = 21;
export const INFLATE_BAD_LITERAL_LENGTHS = 22;
export const INFLATE_BAD_DISTANCE_LENGTHS = 23;
export const INFLATE_BAD_LITERAL = 24;
export const INFLATE_BAD_DISTANCE = 25;
export const INFLATE_DISTANCE_TOO_FAR = 26;

// The deflater.

/** Symbol of a match length less 3: 256 bytes. */
export const LENGTH_SYMBOLS = 368640;
/** Symbol of a distance: 256 bytes for 1 to 256, then 256 for the multiples of 128 above. */
export const DISTANCE_SYMBOLS = 368896;
/** How often the block at hand uses each literal/length symbol (288 words) and each distance symbol (32 words). */
export const LITERAL_COUNTS = 369408;
export const DISTANCE_COUNTS = 370560;
/** Kinds of tokens since the last look for a split, and of those before: 16 words each. */
export const RECENT_COUNTS = 370688;
export const SETTLED_COUNTS = 370752;
/** Code lengths of a dynamic block that are used, one byte a symbol, of both alphabets in a row, and a mark behind them. */
export const ALL_LENGTHS = 370816;
/** Codes with their bits reversed, one word a symbol: 288 and 32. */
export const LITERAL_CODES = 371520;
export const DISTANCE_CODES = 372672;
/** Codes of the fixed code in the same way: 288 and 32 words. */
export const FIXED_CODES = 372800;
/** Code lengths of a block as run lengths: at most 320 pairs of bytes; counts, lengths and codes of their symbols (19 words each). */
export const RUNS = 374080;
export const RUN_COUNTS = 374720;
export const RUN_LENGTHS = 374848;
export const RUN_CODES = 374912;
/** Tokens of the block at hand: 4 bytes each, length << 16 | distance, or a literal. */
export const TOKENS = 375040;
export const TOKENS_MAXIMUM = 16384;
/** Output of the deflater. A block takes no more than its input and 5 bytes for each 65,535 of it. */
export const DEFLATE_OUT = 440576;
export const DEFLATE_OUT_BYTES = 212992;

// Contexts of the deflater: the tables and windows of a few connections stay there between their messages.

/** State of each context: 8 words. */
export const CONTEXT_STATES = 653568;
export const CONTEXTS = 8;
export const FIRST_CONTEXT = 653824;
export const CONTEXT_BYTES = 328192;
// Offsets into a context.

/** Newest position of each hash, and by position the one before it with the same hash: 32,768 of 2 bytes each, of which small windows use few. */
export const HASHES = 0;
export const CHAINS = 65536;
/** History and data of a context, back to back. */
export const DEFLATE_DATA = 131072;
export const DEFLATE_DATA_BYTES = 196608;
/** Bytes behind the data that may be read, and never count. */
export const DEFLATE_DATA_SLACK = 512;
/** Most data that one block covers. */
export const BLOCK_BYTES = 131072;

// Results of `deflate`.

/** All data is in tokens or in the output. */
export const DEFLATE_DONE = 0;
/** Output has to be taken before it goes on. */
export const DEFLATE_MORE = 1;
