// Runs a TensorFlow .pb in OpenCV's DNN module. usage: opencv MODEL INPUT.bin OUTPUT.bin N HEIGHT WIDTH
// INPUT holds N float32 grey images one after another; OUTPUT gets N outputs.
#include <opencv2/dnn.hpp>

#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char **argv)
{
    if (argc != 7) {
        std::fprintf(stderr, "usage: opencv MODEL INPUT.bin OUTPUT.bin N HEIGHT WIDTH\n");
        return 2;
    }
    int count = std::atoi(argv[4]), height = std::atoi(argv[5]), width = std::atoi(argv[6]);
    std::FILE *in = std::fopen(argv[2], "rb"), *out = std::fopen(argv[3], "wb");
    if (!in || !out) {
        std::perror("opencv");
        return 1;
    }
    try {
        cv::setNumThreads(1);
        cv::dnn::Net net = cv::dnn::readNetFromTensorflow(argv[1]);
        const int shape[4] = {1, 1, height, width};
        cv::Mat image(4, shape, CV_32F);
        for (int i = 0; i < count; i++) {
            if (std::fread(image.data, sizeof(float), image.total(), in) != image.total()) {
                std::fprintf(stderr, "opencv: %s is too short\n", argv[2]);
                return 1;
            }
            net.setInput(image);
            cv::Mat result = net.forward();
            std::fwrite(result.data, sizeof(float), result.total(), out);
        }
    } catch (const std::exception &error) {
        std::fprintf(stderr, "opencv: %s: %s\n", argv[1], error.what());
        return 1;
    }
    std::fclose(in);
    return std::fclose(out) ? 1 : 0;
}
