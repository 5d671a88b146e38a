/** What an app of yours knows already: where it is deployed, its network, the images that were pushed, the exported keys. */

export const place = { account: '111122223333', region: 'eu-central-1' };

export const vpcOfOurs = {
  vpcId: 'vpc-0123456789abcdef0',
  vpcCidrBlock: '10.1.0.0/16',
  availabilityZones: ['eu-central-1a', 'eu-central-1b'],
  isolatedSubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
};

const registry = `${place.account}.dkr.ecr.${place.region}.amazonaws.com`;

export const images = {
  wrapperImage: `${registry}/waybill/wrapper@sha256:${'1'.repeat(64)}`,
  workerDigest: `sha256:${'2'.repeat(64)}`,
  environments: { default: { image: `${registry}/waybill/node@sha256:${'3'.repeat(64)}` } },
  pinnedKeys: {
    format: 'waybill-keys/v1',
    origin: 'acme.example/waybill',
    keys: [{ use: 'attest', spki: 'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE' }],
  },
};
