/** Commands of the camera: which there are, how one does, how it is best set. */
import { type Command, Option } from 'commander';
import { cameraKinds } from '../config/options/kiosk-options.ts';
import type { CameraGiven } from './camera-config.ts';
import type { TunedExposure } from './camera-tune.ts';
import { wholeNumber } from './cli-arguments.ts';

/** Options that name a camera. */
function withCamera(command: Command): Command {
  return command
    .option('--config <file>', 'the camera and guide of this configuration')
    .addOption(new Option('--kind <kind>', 'instead: how pictures arrive').choices(cameraKinds))
    .option('--source <source>', 'with --kind: a URL, a device, or a file or folder to replay')
    .option('--password-file <file>', 'user:password of a network camera; in a URL other users of this machine may see it')
    .option('--width <px>', 'asked of a USB camera (1280)', wholeNumber)
    .option('--height <px>', 'asked of a USB camera (720)', wholeNumber)
    .option('--rate <hz>', 'asked of a USB camera (30)', wholeNumber)
    .option('--ffmpeg <program>', 'ffmpeg, where it is not on the PATH')
    .option('--v4l2-ctl <program>', 'v4l2-ctl, where it is not on the PATH');
}

export function addCameraCommands(program: Command): void {
  const camera = program.command('camera').description('find a camera, see how it does, set it');
  camera
    .command('list')
    .description('USB cameras of this machine by names that stay, with what they offer; exit code 1 where there is none')
    .option('--ffmpeg <program>', 'ffmpeg, where it is not on the PATH', 'ffmpeg')
    .option('--v4l2-ctl <program>', 'v4l2-ctl, where it is not on the PATH', 'v4l2-ctl')
    .option('--json', 'one JSON object a line')
    .action(async ({ ffmpeg, v4l2Ctl, json = false }: { ffmpeg: string; v4l2Ctl: string; json?: boolean }) => {
      const { runCameraList } = await import('./camera-list.ts');
      process.exitCode = await runCameraList({ ffmpegPath: ffmpeg, v4l2CtlPath: v4l2Ctl }, json);
    });
  withCamera(camera.command('test'))
    .description('open a camera as the kiosk would: size, rate, level, sharpness, decoding; exit code 1 where it is not good in the end')
    .option('--seconds <n>', 'how long', wholeNumber, 10)
    .option('--json', 'one JSON object at the end')
    .action(async ({ seconds, json = false, ...given }: CameraGiven & { seconds: number; json?: boolean }) => {
      const { chooseCamera } = await import('./camera-config.ts');
      const { runCameraTest } = await import('./camera-test.ts');
      process.exitCode = await runCameraTest(chooseCamera(given), seconds, json);
    });
  withCamera(camera.command('tune'))
    .description('find focus, exposure and mains frequency of a V4L2 camera; prints the lines of configuration that keep them')
    .addOption(
      new Option(
        '--exposure <how>',
        'guide: metered on the guide, now and by the kiosk; fixed: now and kept, for light that stays; camera: its own',
      )
        .choices(['guide', 'fixed', 'camera'])
        .default('guide'),
    )
    .option('--dry-run', 'say what would be set and change nothing')
    .option('--json', 'one JSON object at the end')
    .action(async (given: CameraGiven & { exposure: TunedExposure; dryRun?: boolean; json?: boolean }) => {
      const { exposure, dryRun = false, json = false, ...own } = given;
      const { chooseCamera } = await import('./camera-config.ts');
      const { runCameraTune } = await import('./camera-tune.ts');
      process.exitCode = await runCameraTune(chooseCamera(own), { exposure, dryRun, json });
    });
}
