/**
 * What a session with a model may do. The door lets through what is answered as a stream (ConverseStream) and nothing else, and that asks for this
 * alone: the role, the endpoint of the workers and the session grant it, each of them.
 */
export const MODEL_ACTION = 'bedrock:InvokeModelWithResponseStream';
