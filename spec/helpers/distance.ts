/** Euclidean norm of ours − theirs over that of theirs, 0 where both are nothing but zeros; both of one length. */
export function relativeDistance(ours: Float32Array, theirs: Float32Array): number {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < theirs.length; i++) {
    difference += (ours[i] - theirs[i]) ** 2;
    norm += theirs[i] ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}
