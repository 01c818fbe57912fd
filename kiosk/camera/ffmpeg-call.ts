/** One call of ffmpeg, and which ffmpeg it is for. */
export interface FfmpegVersion {
  readonly major: number;
  readonly minor: number;
}

export interface FfmpegCall {
  readonly arguments: readonly string[];
  /** Written to the child's standard input, which is then closed; undefined for none. */
  readonly stdin: string | undefined;
}
