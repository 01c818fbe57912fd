declare module 'node-webcam' {
  interface Webcam {
    capture(file: string, done: (error: Error | null, file: string) => void): void;
  }
  interface WebcamOptions {
    readonly width?: number;
    readonly height?: number;
    readonly output?: 'jpeg' | 'png';
    readonly device?: string | false;
    readonly callbackReturn?: 'location';
    readonly saveShots?: boolean;
    readonly verbose?: boolean;
  }
  const NodeWebcam: { create(options: WebcamOptions): Webcam };
  export default NodeWebcam;
}
