#!/usr/bin/env bash
# A worker on each task of an array, until it is cancelled. From the repository's folder:
#
#   export SHARP_MINIMA_QUEUE=rediss://user:password@host:6379    # sbatch hands it on
#   sbatch --array=0-499 deploy/slurm-array.sh --store s3://bucket/sweeps
#
# Whatever follows the script's name is the worker's. See docs/scale.md.
#SBATCH --job-name=sharp-minima
#SBATCH --array=0-3
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --gres=gpu:1
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
# Two minutes ahead of the time limit, to this script alone. Not TERM, which is what a cancelled task gets: that one is
# not to come again.
#SBATCH --signal=B:USR1@120
set -euo pipefail

: "${SHARP_MINIMA_QUEUE:?set it to the URL of the queue}"

# Not npx, which does not pass SIGTERM on.
node node_modules/.bin/ts-node reproduce.ts worker --workers 1 "$@" &
worker=$!
again=
trap 'again=yes; kill -TERM "$worker"' USR1
trap 'kill -TERM "$worker"' TERM

code=0
wait "$worker" || code=$?
# A signal ends the waiting, not yet the worker, which stores what is under way.
while kill -0 "$worker" 2>/dev/null; do
  wait "$worker" || true
done
wait "$worker" || code=$?

# By both numbers, since the identifier of an array's last task is that of the whole array, too.
[[ -z $again ]] || exec scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
exit "$code"
