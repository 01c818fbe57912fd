/**
 * Places that were searched for a symbol in vain (pure but for its memory): what looks as it did then is seldom worth another
 * search. A poster, a mesh, a tiled wall stand in view for hours.
 */
import type { Picture } from './decoder.ts';
import { distance, type Region } from './region.ts';

export interface SearchedPlaces {
  /** Whether a search there may find what the ones before it did not. */
  isWorth(picture: Picture, region: Region, frame: number): boolean;
  /** It is searched now. */
  note(picture: Picture, region: Region, frame: number): void;
}

interface Place {
  readonly region: Region;
  readonly look: Float32Array;
  searches: number;
  frame: number;
}

/** Each search looks at a little more or less of it: after so many there is nothing new to see... */
const SEARCHES_MAX = 6;
/** ...but for now and then, frames. */
const AGAIN_FRAMES = 45;
const PLACES_MAX = 8;
/** Regions whose middles are nearer than this part of their size are one place. */
const SAME = 0.15;
/** A look is the means of so many cells a side: noise is gone in them, a hand is not. */
const CELLS = 10;
/** What so few cells differ in, by more than so many grey levels, looks the same. */
const CELL_LEVELS = 8;
const CHANGED_CELLS = 6;

export function createSearchedPlaces(): SearchedPlaces {
  /** The newest first. The same place with somebody in front of it is another. */
  let places: Place[] = [];
  const find = (picture: Picture, region: Region) =>
    places.find((one) => distance(one.region, region) <= SAME * region.widthPx && isSame(one.look, lookOf(picture, one.region)));

  return {
    isWorth(picture, region, frame) {
      const place = find(picture, region);
      return place === undefined || place.searches < SEARCHES_MAX || frame - place.frame >= AGAIN_FRAMES;
    },
    note(picture, region, frame) {
      const place = find(picture, region) ?? { region, look: lookOf(picture, region), searches: 0, frame };
      place.searches++;
      place.frame = frame;
      places = [place, ...places.filter((one) => one !== place)].slice(0, PLACES_MAX);
    },
  };
}

/** Cells beyond the picture, as after a change of its size, look like nothing. */
function lookOf({ luma, widthPx, heightPx }: Picture, { left, top, widthPx: width, heightPx: height }: Region): Float32Array {
  const look = new Float32Array(CELLS * CELLS);
  for (let row = 0; row < CELLS; row++) {
    const [from, to] = [top + Math.floor((row * height) / CELLS), Math.min(heightPx, top + Math.floor(((row + 1) * height) / CELLS))];
    for (let column = 0; column < CELLS; column++) {
      const [start, end] = [
        left + Math.floor((column * width) / CELLS),
        Math.min(widthPx, left + Math.floor(((column + 1) * width) / CELLS)),
      ];
      let sum = 0;
      let count = 0;
      for (let y = from; y < to; y += 2) {
        for (let x = start; x < end; x += 2) {
          sum += luma[y * widthPx + x] ?? 0;
          count++;
        }
      }
      look[row * CELLS + column] = count === 0 ? Number.NaN : sum / count;
    }
  }
  return look;
}

function isSame(before: Float32Array, now: Float32Array): boolean {
  let changed = 0;
  for (let at = 0; at < before.length; at++) if (!(Math.abs((before[at] ?? 0) - (now[at] ?? 0)) <= CELL_LEVELS)) changed++;
  return changed <= CHANGED_CELLS;
}
