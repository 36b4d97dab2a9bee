import * as assert from 'uvu/assert'
import type { Files } from '../../../src/core/base/host.ts'
import { files } from '../../../src/host/fs/files.ts'
import { withDirectReads } from '../../../src/host/sandbox/direct-reads.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const unused = (): Promise<never> => Promise.reject(new Error('the helper was asked'))

test('a read without a helper names the missing directory, too', async () => {
  const path = `${temporaryFolder()}/none/file`
  const reads = withDirectReads({ ...files, readFile: unused, open: unused } as Files)
  const options = { followSymlinks: true, maxBytes: 1, reserve: () => undefined }
  for (const call of [() => reads.readFile(path, options), () => reads.open(path, 'read')]) {
    try {
      await call()
      assert.unreachable()
    } catch (error) {
      assert.match((error as Error).message, /\/none\/file: directory \S+\/none does not exist on this devbox: /)
    }
  }
})

test.run()
