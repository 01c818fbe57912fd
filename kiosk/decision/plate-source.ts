/** The port PlateSource: the plate of the vehicle in the lane, where something gives one: a keypad, later a plate reader. */
export interface PlateSource {
  /** Normalised plate, or undefined where none was given for the vehicle that stands there now. */
  plate(): string | undefined;
  /** The vehicle was decided on: what was given belonged to it. */
  used(): void;
}

export const noPlateSource: PlateSource = { plate: () => undefined, used: () => undefined };
