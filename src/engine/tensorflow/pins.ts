/** Which of TensorFlow's builds: without or with CUDA kernels. */
export type Build = 'cpu' | 'cuda';

/** A file of the Python package index, as published: its name tells project, version and platform. */
export interface Wheel {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What one build is unpacked from. */
export interface Release {
  readonly wheels: readonly Wheel[];
  /** Disk that the unpacked wheels take, before what is not needed is removed. */
  readonly unpackedBytes: number;
}

export const tensorflowVersion = '2.21.0';

/**
 * The pinned wheels for a machine, undefined where TensorFlow publishes none that can be used.
 *
 * @param machine Node's platform and architecture, such as "linux-x64".
 */
export function releaseFor(machine: string, build: Build): Release | undefined {
  return releases[`${machine} ${build}`];
}

const releases: Readonly<Record<string, Release>> = {
  'linux-x64 cpu': {
    unpackedBytes: 1.35e9,
    wheels: [
      {
        file: 'tensorflow_cpu-2.21.0-cp312-cp312-manylinux_2_27_x86_64.whl',
        bytes: 274_000_871,
        sha256: 'dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb',
      },
    ],
  },
  'linux-arm64 cpu': {
    unpackedBytes: 1.4e9,
    wheels: [
      {
        file: 'tensorflow-2.21.0-cp312-cp312-manylinux_2_27_aarch64.whl',
        bytes: 281_946_471,
        sha256: 'b07d15737406533898e36c7ef7944b1be18e9028dc521b9229952c537bbc5552',
      },
    ],
  },
  'darwin-arm64 cpu': {
    unpackedBytes: 1.2e9,
    wheels: [
      {
        file: 'tensorflow-2.21.0-cp312-cp312-macosx_12_0_arm64.whl',
        bytes: 223_488_205,
        sha256: '56ecd7d47429acbe1df2694d50b75bf9fc3995ac92cb367cd9af6c4780ead712',
      },
    ],
  },
  // CUDA 12.9, within what TensorFlow's and-cuda extra allows: the last of CUDA 12, for the newest cards. cuDNN
  // is not the last, since later ones leave out cards older than Turing.
  'linux-x64 cuda': {
    unpackedBytes: 6.4e9,
    wheels: [
      {
        file: 'tensorflow-2.21.0-cp312-cp312-manylinux_2_27_x86_64.whl',
        bytes: 572_611_111,
        sha256: 'b3b95643c4e70eb925839938fb35cbe142f317ec84af6844ee61513713bb13c0',
      },
      {
        file: 'nvidia_cublas_cu12-12.9.1.4-py3-none-manylinux_2_27_x86_64.whl',
        bytes: 581_242_350,
        sha256: '453611eb21a7c1f2c2156ed9f3a45b691deda0440ec550860290dc901af5b4c2',
      },
      {
        file: 'nvidia_cuda_cupti_cu12-12.9.79-py3-none-manylinux_2_25_x86_64.whl',
        bytes: 10_814_997,
        sha256: '096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f',
      },
      {
        file: 'nvidia_cuda_nvcc_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
        bytes: 40_546_229,
        sha256: '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0',
      },
      {
        file: 'nvidia_cuda_nvrtc_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
        bytes: 89_568_129,
        sha256: '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4',
      },
      {
        file: 'nvidia_cuda_runtime_cu12-12.9.79-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        bytes: 3_493_179,
        sha256: '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
      },
      {
        file: 'nvidia_cudnn_cu12-9.10.2.21-py3-none-manylinux_2_27_x86_64.whl',
        bytes: 706_758_467,
        sha256: '949452be657fa16687d0930933f032835951ef0892b37d2d53824d1a84dc97a8',
      },
      {
        file: 'nvidia_cufft_cu12-11.4.1.4-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        bytes: 200_877_592,
        sha256: 'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28',
      },
      {
        file: 'nvidia_curand_cu12-10.3.10.19-py3-none-manylinux_2_27_x86_64.whl',
        bytes: 68_295_626,
        sha256: '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e',
      },
      {
        file: 'nvidia_cusolver_cu12-11.7.5.82-py3-none-manylinux_2_27_x86_64.whl',
        bytes: 338_117_415,
        sha256: '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88',
      },
      {
        file: 'nvidia_cusparse_cu12-12.5.10.65-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        bytes: 366_465_088,
        sha256: '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78',
      },
      {
        file: 'nvidia_nccl_cu12-2.27.7-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        bytes: 322_546_339,
        sha256: 'de5ba5562f08029a19cb1cd659404b18411ed0d6c90ac5f52f30bf99ad5809aa',
      },
      {
        file: 'nvidia_nvjitlink_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
        bytes: 39_748_338,
        sha256: 'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9',
      },
    ],
  },
};
