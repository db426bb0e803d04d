import { missingJobs } from '../../jobs/results';
import type { Study } from '../study';
import { sweepJobs, type SweepSettings } from './jobs';
import { sweepFiles } from './report/files';
import { parseSweepReport, sweepReport, type SweepReport } from './report/report';
import { sweepRows } from './rows';

/** Every network, batch size, seed and protocol of a plan with each other: batch size against sharpness. */
export const sweepStudy: Study<SweepSettings, SweepReport> = {
  name: 'sweep',
  next: (setup, results) => missingJobs(results, sweepJobs(setup)),
  judge: (setup, results) => sweepReport(setup.settings, sweepRows(setup, results)),
  files: sweepFiles,
  parse: parseSweepReport,
};
